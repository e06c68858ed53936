import CLinux
import Glibc
package import SystemPackage

/// A regular file opened for reading, shared by all tensors that are read from it.
///
/// Reads use `pread`, so a file that shrinks during reading causes an error instead of a crash, and its pages do
/// not count as resident memory.
package final class InputFile: Sendable {
  package let path: String
  package let byteCount: Int
  private let descriptor: FileDescriptor
  /// The metadata when the file was opened.
  private let stat: Stat

  /// - Throws: A `FileError` if `path` cannot be opened or is not a regular file; reading from a pipe would block.
  package init(path: String) throws(FileError) {
    self.path = path
    do {
      descriptor = try FileDescriptor.open(
        FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
    } catch {
      throw FileError("open", path, Errno(caught: error))
    }
    do {
      let stat = try descriptor.stat()
      guard stat.type == .regular else {
        guard stat.type != .directory else { throw Errno.isDirectory }
        throw FileError(
          "read, as it is not a regular file (use - for standard input)", path, .invalidArgument)
      }
      byteCount = Int(stat.size)
      self.stat = stat
    } catch {
      try? descriptor.close()
      throw error as? FileError ?? FileError("read", path, Errno(caught: error))
    }
  }

  deinit { try? descriptor.close() }

  package var identity: FileIdentity { FileIdentity(stat, file: self) }

  /// Throws ``ChangedInputError`` if the file was written to, or its path leads elsewhere, since it was opened.
  package func checkUnchanged() throws {
    let now: Stat
    do { now = try descriptor.stat() } catch {
      throw FileError("examine", path, Errno(caught: error))
    }
    guard now.size == stat.size, Self.isSame(now.st_mtim, stat.st_mtim),
      Self.isSame(now.st_ctim, stat.st_ctim), try FileIdentity.ifPresent(path) == identity
    else { throw ChangedInputError(path: path) }
  }

  private static func isSame(_ left: timespec, _ right: timespec) -> Bool {
    left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec
  }

  /// Fills `destination` with bytes from the file, starting at `byteOffset`.
  @_lifetime(destination: copy destination)
  package func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws(FileError) {
    var done = 0
    let wanted = destination.byteCount
    while done < wanted {
      let count: Int
      do {
        // SAFETY: the buffer is the rest of the span, held exclusively.
        count = try unsafe destination.withUnsafeMutableBytes { buffer in
          try unsafe descriptor.read(
            fromAbsoluteOffset: Int64(byteOffset + done),
            into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
        }
      } catch {
        throw FileError("read", path, Errno(caught: error))
      }
      guard count > 0 else {
        // The file was long enough when it was opened.
        throw FileError(
          "read byte \(byteOffset + done), as the file became shorter", path, .ioError)
      }
      done += count
    }
  }

  /// Returns `count` bytes of the file, starting at `byteOffset`.
  package func bytes(at byteOffset: Int, count: Int) throws(FileError) -> [UInt8] {
    var buffer = ByteBuffer(byteCount: count)
    var span = buffer.mutableBytes
    try read(at: byteOffset, into: &span)
    return buffer.bytes.array()
  }

  /// Copies a range of bytes to `byteOffset` in another file: in the kernel if both file systems support it,
  /// otherwise through a buffer.
  package func copy(
    _ bytes: Range<Int>, to target: OutputFile, at byteOffset: Int
  ) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let count = sumac_copy_range(
        descriptor.rawValue, Int64(bytes.lowerBound + done), target.descriptor.rawValue,
        Int64(byteOffset + done), Int64(bytes.count - done))
      if count > 0 {
        done += Int(count)
      } else if count < 0, errno == EINTR {
        continue
      } else if count < 0, [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EBADF].contains(errno) {
        return try copyThroughBuffer(
          bytes.lowerBound + done..<bytes.upperBound, to: target, at: byteOffset + done)
      } else if count == 0 {
        throw FileError(
          "read byte \(bytes.lowerBound + done), as the file became shorter", path, .ioError)
      } else {
        throw FileError("copy into", target.path, Errno(rawValue: errno))
      }
    }
  }

  private func copyThroughBuffer(
    _ bytes: Range<Int>, to target: OutputFile, at byteOffset: Int
  ) throws(FileError) {
    let pieceByteCount = min(bytes.count, 1 << 20)
    var buffer = ByteBuffer(byteCount: pieceByteCount)
    var done = 0
    while done < bytes.count {
      var span = buffer.mutableBytes
      var part = span._mutatingExtracting(0..<min(pieceByteCount, bytes.count - done))
      try read(at: bytes.lowerBound + done, into: &part)
      try target.write(part.bytes, at: byteOffset + done)
      done += part.byteCount
    }
  }

  /// Maps the whole file for reading.
  package func map() throws(FileError) -> MappedFile {
    try MappedFile(descriptor: descriptor, byteCount: byteCount, path: path)
  }
}

extension Errno {
  /// Creates the code of an error that a swift-system call threw; such calls throw only `Errno`.
  package init(caught error: any Error) { self = error as? Errno ?? .ioError }
}
