package import Base
import PackedFormat
import Synchronization
package import SystemPackage

extension OutputFile: PackedSink {
  package var isSequential: Bool { false }
}

/// A sink that writes bytes in order to a pipe or to standard output.
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
    precondition(expected == byteOffset, "bytes must be written to a pipe in order")
    do {
      // SAFETY: The buffer is the span's own memory and is used only during the call.
      _ = try unsafe bytes.withUnsafeBytes { buffer in
        try unsafe descriptor.writeAll(buffer)
      }
    } catch {
      let code = Errno(caught: error)
      if code == .brokenPipe { throw InterruptedError(status: .brokenPipe) }
      throw FileError("write", "standard output", code)
    }
  }
}

/// A sink that discards the bytes and records the length of the file.
package final class CountingSink: PackedSink {
  private let end = Mutex(0)

  package init() {}

  package var byteCount: Int { end.withLock { $0 } }
  package var isSequential: Bool { false }
  package var countsOnly: Bool { true }

  package func write(_ bytes: borrowing RawSpan, at byteOffset: Int) {
    let last = byteOffset + bytes.byteCount
    end.withLock { $0 = max($0, last) }
  }
}
