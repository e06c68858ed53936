import CLinux
import Glibc
import SystemPackage

/// Renames that are atomic and, unless stated otherwise, replace nothing.
extension FileSystem {
  /// Renames atomically. An existing file at `target`, or an empty folder, is replaced.
  package static func rename(_ source: String, to target: String) throws(FileError) {
    guard unsafe sumac_rename(source, target, 0) == 0 else {
      throw renameError(source, target)
    }
  }

  /// Exchanges two entries atomically.
  /// - Returns: False if the file system does not support the call; nothing was changed then.
  package static func exchange(_ source: String, with target: String) throws(FileError) -> Bool {
    let exchanging: UInt32 = 2
    if unsafe sumac_rename(source, target, exchanging) == 0 { return true }
    guard [EINVAL, ENOSYS, EOPNOTSUPP].contains(errno) else { throw renameError(source, target) }
    return false
  }

  /// The outcome of a rename that must not replace anything.
  package enum RenameOutcome: Sendable {
    case renamed
    /// The target already exists; nothing was changed.
    case present
    /// The file system does not support the call; nothing was changed.
    case unsupported
  }

  /// Renames atomically if `target` does not exist.
  package static func renameUnlessPresent(
    _ source: String, to target: String
  ) throws(FileError) -> RenameOutcome {
    let withoutReplacing: UInt32 = 1
    if unsafe sumac_rename(source, target, withoutReplacing) == 0 { return .renamed }
    switch errno {
    case EEXIST, ENOTEMPTY: return .present
    case EINVAL, ENOSYS, EOPNOTSUPP: return .unsupported
    default: throw renameError(source, target)
    }
  }

  /// Renames a file if `target` does not exist, through a second link to the file; for file systems that do not support
  /// ``renameUnlessPresent(_:to:)``.
  package static func linkUnlessPresent(
    _ source: String, to target: String
  ) throws(FileError) -> RenameOutcome {
    guard unsafe link(source, target) == 0 else {
      switch errno {
      case EEXIST: return .present
      case EPERM, EINVAL, ENOSYS, EOPNOTSUPP: return .unsupported
      default: throw renameError(source, target)
      }
    }
    try removeFile(source)
    return .renamed
  }

  private static func renameError(_ source: String, _ target: String) -> FileError {
    FileError("rename \(source.printable) to", target, Errno(rawValue: errno))
  }
}
