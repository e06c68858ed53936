package import Base
import PackedFormat
import Synchronization
package import SystemPackage

extension OutputFile: PackedSink {
  package var isSequential: Bool { false }

  package func copy(_ bytes: Range<Int>, of file: InputFile, to byteOffset: Int) throws {
    try file.copy(bytes, to: self, at: byteOffset)
  }
}

/// A pipe, or whatever standard output is: bytes go out in their order.
package final class PipeSink: PackedSink {
  private let descriptor: FileDescriptor
  private let end = Mutex(0)

  package init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

  package var isSequential: Bool { true }

  package func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws {
    let expected = end.withLock { end in
      defer { end += bytes.byteCount }
      return end
    }
    precondition(expected == byteOffset, "bytes of a pipe come in order")
    do {
      // SAFETY: the buffer is the span's own memory for the length of the call.
      _ = try unsafe bytes.withUnsafeBytes { buffer in
        try unsafe descriptor.writeAll(buffer)
      }
    } catch {
      throw FileError("write", "standard output", Errno(caught: error))
    }
  }

  package func copy(_ bytes: Range<Int>, of file: InputFile, to byteOffset: Int) throws {
    var buffer = ByteBuffer(byteCount: 1 << 20)
    var start = bytes.lowerBound
    while start < bytes.upperBound {
      let count = min(buffer.byteCount, bytes.upperBound - start)
      var span = buffer.mutableBytes
      var part = span._mutatingExtracting(0..<count)
      try file.read(at: start, into: &part)
      try write(part.bytes, at: byteOffset + start - bytes.lowerBound)
      start += count
    }
  }
}

/// Keeps nothing but the length of what is written.
package final class CountingSink: PackedSink {
  private let end = Mutex(0)

  package init() {}

  package var byteCount: Int { end.withLock { $0 } }
  package var isSequential: Bool { false }

  package func write(_ bytes: borrowing RawSpan, at byteOffset: Int) {
    let last = byteOffset + bytes.byteCount
    end.withLock { $0 = max($0, last) }
  }

  package func copy(_ bytes: Range<Int>, of file: InputFile, to byteOffset: Int) {
    end.withLock { $0 = max($0, byteOffset + bytes.count) }
  }
}
