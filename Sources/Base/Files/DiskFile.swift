import Glibc
import SystemPackage

/// An open regular file of the file system.
final class DiskFile: Sendable {
  /// The name in messages.
  let name: String
  let byteCount: Int
  let descriptor: FileDescriptor
  /// The path that was opened.
  private let location: String
  /// The metadata when the file was opened.
  let stat: Stat

  /// - Throws: A `FileError` if `path` cannot be opened or is not a regular file; reading from a pipe would block.
  init(path: String, name: String) throws(FileError) {
    self.name = name
    location = path
    do {
      descriptor = try FileDescriptor.open(
        FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
    } catch {
      throw FileError("open", name, Errno(caught: error))
    }
    do {
      let stat = try descriptor.stat()
      guard stat.type == .regular else {
        guard stat.type != .directory else { throw Errno.isDirectory }
        throw FileError(
          "read, as it is not a regular file (standard input is named -, where it is read)", name,
          .invalidArgument)
      }
      byteCount = Int(stat.size)
      self.stat = stat
    } catch {
      try? descriptor.close()
      throw error as? FileError ?? FileError("read", name, Errno(caught: error))
    }
  }

  deinit { try? descriptor.close() }

  /// Throws ``ChangedInputError`` if the file was written to, or its path leads elsewhere, since it was opened.
  func checkUnchanged(as identity: FileIdentity) throws {
    let now: Stat
    do { now = try descriptor.stat() } catch {
      throw FileError("examine", name, Errno(caught: error))
    }
    guard now.size == stat.size, Self.isSame(now.st_mtim, stat.st_mtim),
      Self.isSame(now.st_ctim, stat.st_ctim), try FileIdentity.ifPresent(location) == identity
    else { throw ChangedInputError(path: name) }
  }

  private static func isSame(_ left: timespec, _ right: timespec) -> Bool {
    left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec
  }

  /// Fills `destination` with bytes from the file, starting at `byteOffset`.
  @_lifetime(destination: copy destination)
  func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws(FileError) {
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
        throw FileError("read", name, Errno(caught: error))
      }
      guard count > 0 else { throw endOfFile(at: byteOffset + done) }
      done += count
    }
  }

  /// The error for a file that was longer when it was opened.
  func endOfFile(at byteOffset: Int) -> FileError {
    FileError("read byte \(byteOffset), as the file became shorter", name, .ioError)
  }
}
