import Base
import Synchronization

/// A block of memory that workers fill piece by piece.
final class SharedBytes: Sendable {
  private let buffer: Mutex<ByteBuffer>

  init(byteCount: Int) {
    buffer = Mutex(ByteBuffer(byteCount: byteCount))
  }

  /// Copies bytes to an offset.
  func put(_ bytes: borrowing RawSpan, at byteOffset: Int) {
    buffer.withLock { buffer in
      var span = buffer.mutableBytes
      span.copy(bytes, at: byteOffset)
    }
  }

  /// Copies a range of the bytes into `target`.
  @_lifetime(target: copy target)
  func read(_ range: Range<Int>, into target: inout MutableRawSpan) {
    buffer.withLock { buffer in
      let bytes = buffer.bytes.extracting(range)
      target.copy(bytes)
    }
  }

  /// Returns the bytes as immutable memory; afterwards nothing can be put or read here.
  func sealed() -> SealedBytes {
    SealedBytes(
      buffer.withLock { buffer in
        var taken = ByteBuffer(byteCount: 0)
        swap(&taken, &buffer)
        return taken
      })
  }
}

/// A block of immutable memory that several threads can read at once.
final class SealedBytes: Sendable {
  private let buffer: ByteBuffer

  init(_ buffer: consuming ByteBuffer) {
    self.buffer = buffer
  }

  /// Calls `body` with a range of the bytes.
  func withBytes<Result>(
    _ range: Range<Int>, _ body: (borrowing RawSpan) throws -> Result
  ) rethrows -> Result {
    try Self.withBytes(of: buffer, range, body)
  }

  private static func withBytes<Result>(
    of buffer: borrowing ByteBuffer, _ range: Range<Int>,
    _ body: (borrowing RawSpan) throws -> Result
  ) rethrows -> Result {
    let bytes = buffer.bytes.extracting(range)
    return try body(bytes)
  }
}
