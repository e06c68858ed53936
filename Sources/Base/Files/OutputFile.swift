import CLinux
import Glibc
package import SystemPackage

/// A new file opened for writing at any offset; several threads may write at once.
package final class OutputFile: Sendable {
  /// The temporary path of the file, which differs from its final name.
  package let path: String
  let descriptor: FileDescriptor

  /// Creates the file. Throws if a file with that name exists.
  /// - Parameter permissions: The permissions, from which the mask of the process is taken away.
  package init(
    creating path: String, permissions: FilePermissions = FilePermissions(rawValue: 0o666)
  ) throws(FileError) {
    self.path = path
    do {
      descriptor = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: permissions)
    } catch {
      throw FileError("create", path, Errno(caught: error))
    }
  }

  /// Creates a file without a name, which disappears when this value does. Its path is valid in this process.
  package init(unnamedIn folder: String) throws(FileError) {
    descriptor = try FileSystem.openUnnamedFile(in: folder)
    path = "/proc/self/fd/\(descriptor.rawValue)"
  }

  /// Opens an existing file, of which a part is written again.
  package init(updating path: String) throws(FileError) {
    self.path = path
    do {
      descriptor = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.noFollow, .closeOnExec])
    } catch {
      throw FileError("open", path, Errno(caught: error))
    }
  }

  deinit { try? descriptor.close() }

  /// Reserves disk space, so that a full disk is detected before the work. Does nothing if the file system does not
  /// support reservations.
  package func reserve(byteCount: Int) throws(FileError) {
    guard byteCount > 0 else { return }
    while sumac_reserve(descriptor.rawValue, Int64(byteCount)) != 0 {
      switch errno {
      case EINTR: continue
      case EOPNOTSUPP, ENOSYS, EINVAL: return
      default: throw FileError("reserve \(ByteSize(byteCount)) for", path, Errno(rawValue: errno))
      }
    }
  }

  /// Writes `bytes` to the file, starting at `byteOffset`.
  package func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws(FileError) {
    do {
      // SAFETY: the buffer is the memory of the span and is valid during the call.
      _ = try unsafe bytes.withUnsafeBytes { buffer in
        try unsafe descriptor.writeAll(toAbsoluteOffset: Int64(byteOffset), buffer)
      }
    } catch {
      throw FileError("write", path, Errno(caught: error))
    }
  }

  /// Starts writing a range of bytes to disk, which shortens a later sync.
  package func startWriting(_ bytes: Range<Int>) {
    sumac_start_writing(descriptor.rawValue, Int64(bytes.lowerBound), Int64(bytes.count))
  }

  /// Waits until the content of the file is on disk.
  package func sync() throws(FileError) {
    guard fsync(descriptor.rawValue) == 0 else {
      throw FileError("sync", path, Errno(rawValue: errno))
    }
  }
}
