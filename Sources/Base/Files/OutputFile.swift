import CLinux
import Glibc
import SystemPackage

/// A new file that is open for writing at any offset, from several threads at once.
package final class OutputFile: Sendable {
  /// Where the file lies now, which is not the name it will get.
  package let path: String
  let descriptor: FileDescriptor

  /// Creates the file. An old one of that name must not be there.
  package init(creating path: String) throws(FileError) {
    self.path = path
    do {
      descriptor = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
    } catch {
      throw FileError("create", path, Errno(caught: error))
    }
  }

  deinit { try? descriptor.close() }

  /// Reserves space, so that a full disk is met before the work; where the file system cannot
  /// reserve, nothing happens.
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

  package func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws(FileError) {
    do {
      // SAFETY: the buffer is the span's own memory for the length of the call.
      _ = try unsafe bytes.withUnsafeBytes { buffer in
        try unsafe descriptor.writeAll(toAbsoluteOffset: Int64(byteOffset), buffer)
      }
    } catch {
      throw FileError("write", path, Errno(caught: error))
    }
  }

  /// Has the disk begin with a range of bytes, so that a sync has less to wait for.
  package func startWriting(_ bytes: Range<Int>) {
    sumac_start_writing(descriptor.rawValue, Int64(bytes.lowerBound), Int64(bytes.count))
  }

  package func sync() throws(FileError) {
    guard fsync(descriptor.rawValue) == 0 else {
      throw FileError("sync", path, Errno(rawValue: errno))
    }
  }
}
