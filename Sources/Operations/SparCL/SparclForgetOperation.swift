import Base
import Reporting
import SparCL
import Training

/// Counts how often each example was forgotten.
package struct SparclForgetOperation: Operation {
  package static let verb = "sparcl forget"

  /// JSON lines with `example` and `right`, in the order of time.
  package var input: String
  /// The count of examples that were never right; the largest number of sights of an example plus one for nil.
  package var neverRight: Int?

  package init(input: String) { self.input = input }

  package func run(_ context: OperationContext) throws -> OperationResult {
    var sights: [Int: [Bool]] = [:]
    try JSONLines.forEach(in: input, context) { number, line in
      guard let example = line["example"]?.asInt, example >= 0,
        let right = line["right"].flatMap({ $0.asBool ?? $0.asInt.map { $0 != 0 } })
      else {
        throw FormatError(
          .trainingData,
          "line \(number) is not an object with the members example, a number, and right, true or false",
          path: input)
      }
      sights[example, default: []].append(right)
    }
    guard !sights.isEmpty else { throw UsageError("\(input.printable) has no lines") }
    if let neverRight, neverRight < 0 {
      throw UsageError("\(setting: "never") is \(neverRight), expected 0 or more")
    }
    let never = neverRight ?? (sights.values.map(\.count).max() ?? 0) + 1
    let counts = sights.keys.sorted().map {
      (example: $0, count: Forgetting.count(sights[$0] ?? [], neverRight: never))
    }
    let wrongCount = sights.values.count { !$0.contains(true) }
    return OperationResult(reports: [
      ForgettingReport(counts, neverRight: never, wrongCount: wrongCount)
    ])
  }
}

/// Chooses the examples that leave a training: those that were forgotten least often.
package struct SparclDropOperation: Operation {
  package static let verb = "sparcl drop"

  /// The counts of `forget`, as JSON lines with `example` and `count`.
  package var input: String
  /// The number of examples that leave.
  package var number: Int
  /// The number of examples with the lowest counts that stay.
  package var spared = 0
  /// The path of the examples that are left, one number in each line; those with counts for nil.
  package var current: String?

  package init(input: String, number: Int) { (self.input, self.number) = (input, number) }

  package func run(_ context: OperationContext) throws -> OperationResult {
    var counts: [(example: Int, count: Int)] = []
    try JSONLines.forEach(in: input, context) { line, value in
      guard let example = value["example"]?.asInt, let count = value["count"]?.asInt,
        example >= 0, count >= 0
      else {
        throw FormatError(
          .trainingData,
          "line \(line) is not an object with the members example and count, numbers from 0 on",
          path: input, hint: "make it with: \(command: "sparcl forget --format jsonl")")
      }
      counts.append((example, count))
    }
    guard Set(counts.map(\.example)).count == counts.count else {
      throw UsageError("\(input.printable) has two counts of an example")
    }
    for (name, value) in [("count", number), ("spare", spared)] where value < 0 {
      throw UsageError("\(setting: name) is \(value), expected 0 or more")
    }
    let known = Set(counts.map(\.example))
    let examples = try current.map { try self.examples($0, context) } ?? known.sorted()
    let counted = examples.count { known.contains($0) }
    guard number <= counted, spared <= counted - number else {
      throw UsageError(
        "\(number) examples leave and \(spared) are spared, but \(input.printable) has counts of "
          + "\(counted.counted("example"))" + (current == nil ? "" : " that are left"))
    }
    let (kept, removed) = Forgetting.removing(
      number, of: examples, order: Forgetting.order(counts), spared: spared)
    return OperationResult(reports: [DropReport(kept: kept, removed: removed)])
  }

  /// Returns the numbers in the lines of a file, which must differ.
  private func examples(_ path: String, _ context: OperationContext) throws -> [Int] {
    let text = String(decoding: try JSONLines.bytes(of: path, context), as: UTF8.self)
    var (examples, known) = ([Int](), Set<Int>())
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard let word = words.first else { continue }
      guard words.count == 1, let number = Int(word), number >= 0 else {
        throw FormatError(
          .trainingData, "line \(index + 1) is not the number of an example", path: path)
      }
      guard known.insert(number).inserted else {
        throw FormatError(
          .trainingData, "line \(index + 1) names example \(number), which was named before",
          path: path)
      }
      examples.append(number)
    }
    guard !examples.isEmpty else { throw UsageError("\(path.printable) has no examples") }
    return examples
  }
}

/// Files of JSON lines.
enum JSONLines {
  /// Calls `body` with each line that is not empty, as a JSON value, and its number, counted from 1.
  static func forEach(
    in path: String, _ context: OperationContext,
    _ body: (_ number: Int, _ line: JSONValue) throws -> Void
  ) throws {
    let bytes = try bytes(of: path, context)
    for (index, line) in bytes.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    ).enumerated() where !line.isEmpty {
      let value: JSONValue
      do { value = try JSONValue.parse(Array(line).span) } catch {
        throw FormatError(.trainingData, "line \(index + 1) is not JSON: \(error)", path: path)
      }
      try body(index + 1, value)
    }
  }

  /// Returns the bytes of a file of lines.
  /// - Throws: ``UsageError`` if memory is short for them and the values of the lines.
  static func bytes(of path: String, _ context: OperationContext) throws -> [UInt8] {
    let file = try InputFile(path: path)
    try context.checkMemory(4 * file.byteCount)
    return try file.bytes(at: 0, count: file.byteCount)
  }
}

/// The report of forgotten examples: their counts, and how many have each count.
struct ForgettingReport: Report {
  static let schema = "sumac.sparcl-forget/1"

  private let counts: [(example: Int, count: Int)]
  private let neverRight: Int
  /// The number of examples that were never right.
  private let wrongCount: Int

  /// - Parameters:
  ///   - counts: For each example the number of times that it was forgotten, or `neverRight`.
  ///   - wrongCount: The number of examples that were never right.
  init(_ counts: [(example: Int, count: Int)], neverRight: Int, wrongCount: Int) {
    (self.counts, self.neverRight, self.wrongCount) = (counts, neverRight, wrongCount)
  }

  private var histogram: [(count: Int, examples: Int)] {
    Dictionary(grouping: counts, by: \.count).map { (count: $0.key, examples: $0.value.count) }
      .sorted { $0.count < $1.count }
  }

  var sections: [Section] {
    [
      .table(
        Table(
          [
            Table.Column("forgotten", alignsRight: true),
            Table.Column("examples", alignsRight: true),
          ],
          rows: histogram.map { ["\($0.count)", $0.examples.grouped] })),
      .facts([
        Section.Fact("examples", counts.count.grouped),
        Section.Fact("never right", "\(wrongCount.grouped), counted as \(neverRight)"),
      ]),
    ]
  }

  var records: Table {
    Table(
      ["example", "count"].map { Table.Column($0) },
      rows: counts.map { ["\($0.example)", "\($0.count)"] })
  }

  var members: JSONObject {
    [
      "never_right": JSONValue(neverRight), "never_right_examples": JSONValue(wrongCount),
      "histogram": .array(
        histogram.map { ["count": JSONValue($0.count), "examples": JSONValue($0.examples)] }),
      "examples": .array(lines),
    ]
  }

  var lines: [JSONValue] {
    counts.map { .object(["example": JSONValue($0.example), "count": JSONValue($0.count)]) }
  }
}

/// The report of the examples that leave a training and those that stay.
struct DropReport: Report {
  static let schema = "sumac.sparcl-drop/1"

  let kept: [Int]
  let removed: [Int]

  var sections: [Section] {
    [
      .facts([
        Section.Fact("kept", kept.count.grouped), Section.Fact("removed", removed.count.grouped),
        Section.Fact("first removed", removed.prefix(10).map(String.init).joined(separator: ", ")),
      ])
    ]
  }

  var records: Table {
    Table(
      ["example", "kept"].map { Table.Column($0) },
      rows: kept.map { ["\($0)", "true"] } + removed.map { ["\($0)", "false"] })
  }

  var members: JSONObject {
    [
      "kept": .array(kept.map { JSONValue($0) }),
      "removed": .array(removed.map { JSONValue($0) }),
    ]
  }

  var lines: [JSONValue] {
    kept.map { .object(["example": JSONValue($0), "kept": .bool(true)]) }
      + removed.map { .object(["example": JSONValue($0), "kept": .bool(false)]) }
  }
}
