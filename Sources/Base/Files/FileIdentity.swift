package import SystemPackage

/// The identity of a file or folder: its device and inode. Paths that lead to the same file have equal identities.
///
/// The identity of an input also states the permissions that the input had, and keeps the file open.
package struct FileIdentity: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64
  package let isFolder: Bool
  /// The permissions; nil for a file without a name, such as a copy of the standard input.
  package let permissions: FilePermissions?
  /// The file, if it was opened for reading.
  package let file: InputFile?

  package init(_ stat: Stat, file: InputFile? = nil) {
    device = UInt64(truncatingIfNeeded: stat.deviceID.rawValue)
    inode = UInt64(truncatingIfNeeded: stat.inode.rawValue)
    isFolder = stat.type == .directory
    permissions = stat.linkCount > 0 ? stat.permissions : nil
    self.file = file
  }

  /// Returns the identity of the file or folder that `path` leads to, or nil if there is none.
  package static func ifPresent(_ path: String) throws(FileError) -> FileIdentity? {
    try FileSystem.targetIfPresent(path).map { FileIdentity($0) }
  }

  /// Returns the identity of the entry at `path` without following a link, or nil if there is none.
  package static func ofEntryIfPresent(_ path: String) throws(FileError) -> FileIdentity? {
    do { return FileIdentity(try FilePath(path).stat(followTargetSymlink: false)) } catch {
      let code = Errno(caught: error)
      if code == .noSuchFileOrDirectory { return nil }
      throw FileError("examine", path, code)
    }
  }

  package static func == (left: FileIdentity, right: FileIdentity) -> Bool {
    left.device == right.device && left.inode == right.inode
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(device)
    hasher.combine(inode)
  }
}
