import Base
import TensorCore

/// Records of a fixed number of integers in an unnamed temporary file.
final class NumberFile {
  private static let bufferedNumberCount = 1 << 15

  private let file: TemporaryFile
  /// The number of integers in a record.
  let width: Int
  private var pending: [Int64] = []
  private var writtenCount = 0

  init(in folder: String, width: Int) throws {
    file = try TemporaryFile(in: folder)
    self.width = width
  }

  /// The number of records.
  var count: Int { writtenCount + pending.count / width }

  func append(_ record: [Int]) throws {
    precondition(record.count == width)
    for number in record { pending.append(Int64(number)) }
    if pending.count >= Self.bufferedNumberCount { try flush() }
  }

  /// Writes the records that are still in memory.
  func flush() throws {
    // SAFETY: a number has no padding that could be read uninitialized.
    let bytes = unsafe pending.span.bytes.array()
    try file.write(bytes.rawSpan, at: 8 * width * writtenCount)
    writtenCount += pending.count / width
    pending.removeAll(keepingCapacity: true)
  }

  /// Removes the records from a number on.
  func removeAll(from number: Int) {
    precondition(number <= writtenCount)
    pending.removeAll(keepingCapacity: true)
    writtenCount = number
  }

  /// Returns some records that were written to the file, one after another.
  func records(_ range: Range<Int>) throws -> [Int] {
    precondition(range.upperBound <= writtenCount)
    var buffer = ByteBuffer(byteCount: 8 * width * range.count)
    var span = buffer.mutableBytes
    try file.read(at: 8 * width * range.lowerBound, into: &span)
    let bytes = buffer.bytes
    return (0..<width * range.count).map { Int(bytes.littleEndian(Int64.self, at: 8 * $0) ?? 0) }
  }

  /// A reader of records in order.
  struct Reader {
    private let file: NumberFile
    private let blockCount: Int
    private var rest: Range<Int>
    private var numbers: [Int] = []
    private var next = 0

    /// - Parameter blockCount: The number of records that are read at once.
    init(_ file: NumberFile, _ range: Range<Int>, blockCount: Int) {
      (self.file, self.blockCount, rest) = (file, max(1, blockCount), range)
    }

    /// The next record; nil at the end.
    mutating func peek() throws -> ArraySlice<Int>? {
      if next == numbers.count {
        guard !rest.isEmpty else { return nil }
        let count = min(blockCount, rest.count)
        numbers = try file.records(rest.lowerBound..<rest.lowerBound + count)
        (rest, next) = (rest.lowerBound + count..<rest.upperBound, 0)
      }
      return numbers[next..<next + file.width]
    }

    mutating func skip() { next += file.width }
  }
}
