import SystemPackage

/// A file without a name that holds bytes which do not fit in memory. It disappears when it is closed.
package final class TemporaryFile: Sendable {
  private let descriptor: FileDescriptor
  /// The folder of the file, for errors.
  private let folder: String

  /// Creates an empty file.
  package init(in folder: String) throws(FileError) {
    self.folder = folder
    descriptor = try FileSystem.openUnnamedFile(in: folder)
  }

  deinit { try? descriptor.close() }

  /// Writes `bytes` from `byteOffset` on. Several threads may write at once.
  package func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws(FileError) {
    do {
      // SAFETY: the buffer is the memory of the span and is valid during the call.
      _ = try unsafe bytes.withUnsafeBytes { buffer in
        try unsafe descriptor.writeAll(toAbsoluteOffset: Int64(byteOffset), buffer)
      }
    } catch {
      throw FileError("write a temporary file in", folder, Errno(caught: error))
    }
  }

  /// Fills `target` with the bytes from `byteOffset` on, which must have been written.
  @_lifetime(target: copy target)
  package func read(at byteOffset: Int, into target: inout MutableRawSpan) throws(FileError) {
    var done = 0
    while done < target.byteCount {
      let count: Int
      do {
        count = try unsafe target.withUnsafeMutableBytes { buffer in
          // SAFETY: the buffer is the memory of the span, which is held exclusively during the call.
          try unsafe descriptor.read(
            fromAbsoluteOffset: Int64(byteOffset + done),
            into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
        }
      } catch {
        throw FileError("read a temporary file in", folder, Errno(caught: error))
      }
      guard count > 0 else { throw FileError("read a temporary file in", folder, .ioError) }
      done += count
    }
  }
}
