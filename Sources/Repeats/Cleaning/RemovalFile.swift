/// Removed paragraphs in a temporary file. Each part of the hashes appends its paragraphs in the order of the documents;
/// reading merges the parts.
final class RemovalFile {
  struct Record {
    var document: Int
    var range: Range<Int>
    var previousEnd: Int
    var nextStart: Int
    var isFirst: Bool
    /// The start of the equal paragraph that stays.
    var keptStart: Int

    fileprivate init(_ numbers: ArraySlice<Int>) {
      let first = numbers.startIndex
      document = numbers[first]
      range = numbers[first + 1]..<numbers[first + 2]
      (previousEnd, nextStart) = (numbers[first + 3], numbers[first + 4])
      (isFirst, keptStart) = (numbers[first + 5] == 1, numbers[first + 6])
    }
  }

  private static let blockCount = 1 << 12

  private let file: NumberFile
  /// The numbers of the records of each part.
  private var parts: [Range<Int>] = []

  init(in folder: String) throws { file = try NumberFile(in: folder, width: 7) }

  /// The number of records of whole parts.
  var count: Int { parts.last?.upperBound ?? 0 }

  /// Begins a part. What was appended after the last part is void.
  func begin() throws {
    try file.flush()
    file.removeAll(from: count)
  }

  func append(_ paragraph: Paragraph, keptStart: Int) throws {
    try file.append([
      paragraph.document, paragraph.range.lowerBound, paragraph.range.upperBound,
      paragraph.previousEnd, paragraph.nextStart, paragraph.isFirst ? 1 : 0, keptStart,
    ])
  }

  /// Ends a part.
  func end() throws {
    try file.flush()
    parts.append(count..<file.count)
  }

  func reader() -> Reader {
    let blockCount = max(64, Self.blockCount / max(1, parts.count))
    return Reader(
      parts: parts.map { NumberFile.Reader(file, $0, blockCount: blockCount) })
  }

  /// A merge of the parts in the order of the documents.
  struct Reader {
    fileprivate var parts: [NumberFile.Reader]

    mutating func next() throws -> Record? {
      var first: (part: Int, record: Record)?
      for index in parts.indices {
        guard let numbers = try parts[index].peek() else { continue }
        let record = Record(numbers)
        if first.map({ record.range.lowerBound < $0.record.range.lowerBound }) ?? true {
          first = (index, record)
        }
      }
      if let first { parts[first.part].skip() }
      return first?.record
    }
  }
}
