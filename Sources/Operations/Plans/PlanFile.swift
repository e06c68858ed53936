package import Base

/// The file of a plan: a JSON document whose tasks can be read one by one.
///
/// The first line is the head with all members except `tasks`, and it begins the list of tasks. Each further line is the
/// row of a task, with spaces up to a common length, so that the place of a row follows from its number. JSON escapes line
/// breaks in texts, so that the first line break ends the head.
package struct PlanFile: Sendable {
  package static let maximumTaskCount = 10_000_000
  private static let maximumHeadByteCount = 64 << 20
  private static let maximumRowByteCount = 1 << 20
  private static let end = "]}\n"

  package let path: String
  package let plan: Plan
  /// See ``Plan/digest``.
  package let digest: String
  private let file: InputFile
  private let headByteCount: Int
  private let rowByteCount: Int

  // MARK: Writing

  /// Writes a plan.
  /// - Parameter tasks: Its tasks in order.
  package static func write(
    _ plan: Plan, tasks: [PlanTask], to path: String, replacesExisting: Bool
  ) throws {
    let rows = tasks.map { $0.row.serialized() }
    let longest = rows.reduce(0) { max($0, $1.utf8.count) }
    // A comma, except after the last row, and a line break.
    let rowByteCount = longest + 2
    try ReportFile.write(to: path, replacesExisting: replacesExisting) { write in
      try write(head(of: plan, rowByteCount: rowByteCount))
      for (number, row) in rows.enumerated() {
        let space = String(repeating: " ", count: longest - row.utf8.count)
        try write(row + space + (number == rows.count - 1 ? " " : ",") + "\n")
      }
      try write(end)
    }
  }

  private static func head(of plan: Plan, rowByteCount: Int) -> String {
    var json = plan.json
    json["row_bytes"] = JSONValue(rowByteCount)
    return String(JSONValue.object(json).serialized().dropLast()) + ",\"tasks\":[\n"
  }

  // MARK: Reading

  /// Opens the file of a plan and reads its head.
  /// - Throws: ``FormatError`` if it is not a plan of this version.
  /// - Complexity: Independent of the number of tasks.
  package static func opened(_ path: String) throws -> PlanFile {
    let file = try InputFile(path: path)
    let line = try headLine(of: file)
    let text = line + Array("]}".utf8)
    let json: JSONValue
    do { json = try JSONValue.parse(text.span) } catch {
      throw fault(path, "is not a plan of tasks: its first line is not the head of one")
    }
    guard json["schema"]?.asString == Plan.schema else {
      throw fault(
        path, "is not a plan of tasks of this version, expected the schema '\(Plan.schema)'")
    }
    guard let plan = Plan.plan(json), let rowByteCount = json["row_bytes"]?.asInt,
      (8...maximumRowByteCount).contains(rowByteCount)
    else { throw fault(path, "has missing or invalid members") }
    let headByteCount = line.count + 1
    let expected = headByteCount + plan.taskCount * rowByteCount + end.utf8.count
    guard file.byteCount == expected else {
      throw fault(
        path,
        "has \(file.byteCount) bytes, expected \(expected) for \(plan.taskCount.counted("task"))")
    }
    return PlanFile(
      path: path, plan: plan, digest: plan.digest, file: file,
      headByteCount: headByteCount, rowByteCount: rowByteCount)
  }

  private static func headLine(of file: InputFile) throws -> [UInt8] {
    var line: [UInt8] = []
    while line.count < min(file.byteCount, maximumHeadByteCount) {
      let piece = try file.bytes(
        at: line.count, count: min(1 << 16, file.byteCount - line.count))
      if let end = piece.firstIndex(of: UInt8(ascii: "\n")) { return line + piece[..<end] }
      line += piece
    }
    throw fault(file.path, "has no head of a plan, which ends with a line break")
  }

  private static func fault(_ path: String, _ reason: Message) -> FormatError {
    FormatError(.plan, reason, path: path, hint: "make it again with \(command: "plan")")
  }

  /// Returns a task.
  /// - Parameter number: Its number, from 1 on.
  /// - Throws: ``UsageError`` if there is no such task, ``FormatError`` if its row is damaged.
  /// - Complexity: Reads one row.
  package func task(_ number: Int) throws -> PlanTask {
    guard (1...max(1, plan.taskCount)).contains(number), plan.taskCount > 0 else {
      throw UsageError(
        "task \(number) is out of range: \(path.printable) has \(plan.taskCount.counted("task"))",
        hint: "use a number from 1 to \(plan.taskCount)")
    }
    let offset = headByteCount + (number - 1) * rowByteCount
    var bytes = try file.bytes(at: offset, count: rowByteCount)
    while let last = bytes.last,
      [UInt8(ascii: "\n"), UInt8(ascii: ","), UInt8(ascii: " ")].contains(last)
    { bytes.removeLast() }
    guard let row = try? JSONValue.parse(bytes.span), let task = PlanTask(row: row),
      task.number == number, let stage = plan.stages.first(where: { $0.name == task.stage }),
      (1...max(1, stage.taskCount)).contains(task.index),
      (task.model != nil) == stage.work.namesOutputs
    else {
      throw FormatError(
        .plan, "the row of task \(number) is damaged or was edited", path: path,
        byteOffset: offset, hint: "make it again with \(command: "plan")")
    }
    return task
  }

  /// Returns the numbers of the tasks of a stage.
  /// - Throws: ``UsageError`` if there is no such stage.
  package func numbers(ofStage name: String) throws(UsageError) -> Range<Int> {
    var first = 1
    for stage in plan.stages {
      if stage.name == name { return first..<first + stage.taskCount }
      first += stage.taskCount
    }
    let names = plan.stages.map(\.name)
    throw UsageError(
      "the plan has no stage '\(name.printable)'",
      hint: "its stages are \(names.joined(separator: ", "))")
  }
}
