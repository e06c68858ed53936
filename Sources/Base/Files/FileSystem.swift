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

  /// Returns the metadata of the entry that `path` leads to after following links, or nil if there is none, as for a
  /// broken link.
  package static func targetIfPresent(_ path: String) throws(FileError) -> Stat? {
    do { return try FilePath(path).stat() } catch {
      let code = Errno(caught: error)
      let absent: [Errno] = [.noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels]
      if absent.contains(code) { return nil }
      throw FileError("examine", path, code)
    }
  }

  /// Returns the type of the entry that `path` leads to after following links, or nil if there is none.
  package static func targetType(_ path: String) throws(FileError) -> FileType? {
    try targetIfPresent(path)?.type
  }

  package static func isDirectory(_ path: String) -> Bool {
    (try? FilePath(path).stat())?.type == .directory
  }

  package static func isRegularFile(_ path: String) throws(FileError) -> Bool {
    try targetType(path) == .regular
  }

  /// Returns the names in a folder in byte order, without `.` and `..`.
  package static func names(in path: String) throws(FileError) -> [String] {
    guard let directory = unsafe opendir(path) else {
      throw FileError("list", path, Errno(rawValue: errno))
    }
    defer { _ = unsafe closedir(directory) }
    var names: [String] = []
    while true {
      // The result is nil at the end of the folder and after an error, which only errno tells apart.
      errno = 0
      guard let entry = unsafe readdir(directory) else {
        guard errno == 0 else { throw FileError("list", path, Errno(rawValue: errno)) }
        break
      }
      // SAFETY: d_name is zero-terminated and lives until the next readdir.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }

  package static func createDirectory(
    _ path: String, permissions: FilePermissions = FilePermissions(rawValue: 0o777)
  ) throws(FileError) {
    guard unsafe mkdir(path, permissions.rawValue) == 0 else {
      throw FileError("create", path, Errno(rawValue: errno))
    }
  }

  package static func removeFile(_ path: String) throws(FileError) {
    guard unsafe unlink(path) == 0 else {
      throw FileError("remove", path, Errno(rawValue: errno))
    }
  }

  /// Removes a file, or a folder with all its content. Links are removed, not followed.
  package static func removeTree(_ path: String) throws(FileError) {
    guard let type = try typeIfPresent(path) else { return }
    guard type == .directory else { return try removeFile(path) }
    for name in try names(in: path) { try removeTree(path + "/" + name) }
    try removeEmptyDirectory(path)
  }

  package static func removeEmptyDirectory(_ path: String) throws(FileError) {
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
    guard name == "." || name == "..", let resolved = try? resolved(path) else { return name }
    return baseName(of: resolved)
  }

  /// Makes a folder the one to which relative paths of the process refer.
  package static func enter(_ path: String) throws(FileError) {
    guard unsafe chdir(path) == 0 else {
      throw FileError("enter", path, Errno(rawValue: errno))
    }
  }

  /// Returns the absolute path of an existing file or folder without links.
  package static func resolved(_ path: String) throws(FileError) -> String {
    guard let resolved = unsafe realpath(path, nil) else {
      throw FileError("resolve", path, Errno(rawValue: errno))
    }
    // SAFETY: realpath returns a zero-terminated string that the caller must free.
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }
}
