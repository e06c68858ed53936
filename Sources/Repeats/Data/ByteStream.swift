import Archives
import Base
import LibArchive

/// The bytes of a file in order, decompressed if the file is compressed as a whole.
final class ByteStream {
  private let file: InputFile
  private let decoder: (any ByteDecoder)?
  private let cancellation: Cancellation
  private var position = 0

  init(_ file: InputFile, _ cancellation: Cancellation) throws {
    (self.file, self.cancellation) = (file, cancellation)
    decoder = try CompressedFile.decoder(of: file)
  }

  /// Returns the next bytes, at most `limit`; none at the end.
  func next(_ limit: Int) throws -> [UInt8] {
    try cancellation.check()
    guard let decoder else {
      let count = min(limit, file.byteCount - position)
      defer { position += count }
      return try file.bytes(at: position, count: count)
    }
    var buffer = ByteBuffer(byteCount: limit)
    var count = 0
    while count < limit {
      var span = buffer.mutableBytes
      var rest = span._mutatingExtracting(count..<limit)
      let read = try decoder.read(into: &rest)
      if read == 0 { break }
      count += read
    }
    return Array(buffer.bytes.array()[..<count])
  }
}

/// The lines of a stream, without their line feeds.
struct LineReader {
  private static let blockByteCount = 1 << 20

  private let stream: ByteStream
  private let path: String
  private let limit: Int
  private var pending: [UInt8] = []
  private var start = 0
  private var isAtEnd = false
  /// The number of the last line, from 1 on.
  private(set) var number = 0
  /// True if a line feed follows the last line.
  private(set) var isTerminated = false
  /// The place of the last line in the decompressed file.
  private(set) var byteOffset = 0
  private var nextByteOffset = 0

  /// - Parameter limit: The largest number of bytes of a line.
  init(_ file: InputFile, limit: Int, _ cancellation: Cancellation) throws {
    stream = try ByteStream(file, cancellation)
    path = file.path
    self.limit = limit
  }

  mutating func next() throws -> ArraySlice<UInt8>? {
    var searched = start
    while true {
      if let end = pending[searched...].firstIndex(of: 0x0A) { return take(to: end, next: end + 1) }
      guard !isAtEnd else {
        return start < pending.count ? take(to: pending.count, next: pending.count) : nil
      }
      guard pending.count - start <= limit else {
        throw FormatError(
          TokenText.code, "line \(number + 1) has more than \(limit.grouped) bytes", path: path,
          byteOffset: nextByteOffset, hint: "pass a larger \(setting: "memory"), or split the line")
      }
      pending.removeSubrange(..<start)
      start = 0
      searched = pending.count
      let bytes = try stream.next(Self.blockByteCount)
      isAtEnd = bytes.isEmpty
      pending += bytes
    }
  }

  private mutating func take(to end: Int, next: Int) -> ArraySlice<UInt8> {
    defer { start = next }
    number += 1
    isTerminated = next > end
    byteOffset = nextByteOffset
    nextByteOffset += next - start
    return pending[start..<end]
  }
}
