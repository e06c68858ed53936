import CLinux
import Glibc
package import SystemPackage

/// File system calls on paths; each throws an error that names the path.
package enum FileSystem {
  /// Returns the metadata of the file at `path` after following links.
  package static func stat(_ path: String) throws(FileError) -> Stat {
    do { return try FilePath(path).stat() } catch {
      throw FileError("read", path, Errno(caught: error))
    }
  }

  /// Returns the type of the entry at `path` without following a link, or nil if there is none.
  package static func typeIfPresent(_ path: String) throws(FileError) -> FileType? {
    do { return try FilePath(path).stat(followTargetSymlink: false).type } catch {
      let code = Errno(caught: error)
      if code == .noSuchFileOrDirectory { return nil }
      throw FileError("examine", path, code)
    }
  }

  /// Returns the type of the entry that `path` leads to after following links, or nil if there is none.
  package static func targetType(_ path: String) -> FileType? {
    (try? FilePath(path).stat())?.type
  }

  package static func isDirectory(_ path: String) -> Bool {
    (try? FilePath(path).stat())?.type == .directory
  }

  package static func isRegularFile(_ path: String) -> Bool {
    (try? FilePath(path).stat())?.type == .regular
  }

  /// Returns the names in a folder in byte order, without `.` and `..`.
  package static func names(in path: String) throws(FileError) -> [String] {
    guard let directory = unsafe opendir(path) else {
      throw FileError("list", path, Errno(rawValue: errno))
    }
    defer { _ = unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      // SAFETY: d_name is zero-terminated and lives until the next readdir.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }

  package static func createDirectory(_ path: String) throws(FileError) {
    guard unsafe mkdir(path, 0o777) == 0 else {
      throw FileError("create", path, Errno(rawValue: errno))
    }
  }

  /// The effect of a rename on an existing target.
  package enum Renaming: UInt32, Sendable {
    case replacing = 0
    case exchanging = 2
  }

  /// Renames atomically.
  package static func rename(
    _ source: String, to target: String, _ mode: Renaming
  ) throws(FileError) {
    guard unsafe sumac_rename(source, target, mode.rawValue) == 0 else {
      throw FileError("rename \(source.printable) to", target, Errno(rawValue: errno))
    }
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
    case EINVAL, ENOSYS: return .unsupported
    default:
      throw FileError("rename \(source.printable) to", target, Errno(rawValue: errno))
    }
  }

  package static func removeFile(_ path: String) throws(FileError) {
    guard unsafe unlink(path) == 0 else {
      throw FileError("remove", path, Errno(rawValue: errno))
    }
  }

  /// Removes a file, or a folder with all its content. Links are removed, not followed.
  package static func removeTree(_ path: String) throws(FileError) {
    guard try typeIfPresent(path) == .directory else { return try removeFile(path) }
    for name in try names(in: path) { try removeTree(path + "/" + name) }
    guard unsafe rmdir(path) == 0 else {
      throw FileError("remove", path, Errno(rawValue: errno))
    }
  }

  /// Opens a temporary file without a name, which disappears when it is closed.
  package static func openUnnamedFile(in folder: String) throws(FileError) -> FileDescriptor {
    let number = unsafe sumac_open_unnamed(folder)
    guard number >= 0 else {
      throw FileError("make a temporary file in", folder, Errno(rawValue: errno))
    }
    return FileDescriptor(rawValue: number)
  }

  /// Makes the entries of a folder durable.
  package static func syncDirectory(_ path: String) throws(FileError) {
    do {
      let descriptor = try FileDescriptor.open(
        FilePath(path), .readOnly, options: [.directory, .closeOnExec])
      defer { try? descriptor.close() }
      guard fsync(descriptor.rawValue) == 0 else { throw Errno(rawValue: errno) }
    } catch {
      throw FileError("sync", path, Errno(caught: error))
    }
  }

  /// Returns the number of bytes that can still be written to the file system of `path`, or nil if unknown.
  package static func freeByteCount(at path: String) -> Int? {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// Returns the size in bytes of a file, or of all files below a folder.
  package static func byteCount(ofTree path: String) throws(FileError) -> Int {
    let stat = try stat(path)
    guard stat.type == .directory else { return Int(stat.size) }
    var sum = 0
    for name in try names(in: path) { sum += try byteCount(ofTree: path + "/" + name) }
    return sum
  }

  /// Returns the folder that contains `path`, or "." if `path` names none.
  package static func parent(of path: String) -> String {
    let parent = FilePath(path).removingLastComponent()
    return parent.isEmpty ? "." : parent.string
  }

  package static func baseName(of path: String) -> String {
    FilePath(path).lastComponent?.string ?? path
  }

  /// Returns the base name of `path`; for `.` and `..` the base name of the folder that they stand for.
  package static func ownName(of path: String) -> String {
    let name = baseName(of: path)
    guard name == "." || name == "..", let resolved = unsafe realpath(path, nil) else {
      return name
    }
    // SAFETY: realpath returns a zero-terminated string that the caller must free.
    defer { unsafe free(resolved) }
    return baseName(of: unsafe String(cString: resolved))
  }
}
