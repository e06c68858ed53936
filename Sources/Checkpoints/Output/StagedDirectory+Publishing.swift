package import Base
import SystemPackage

extension AtomicOutput {
  /// Returns the folder at `path`, which several processes fill and which will become this output. It is created if it
  /// does not exist.
  package func stagedDirectory(at path: String) throws -> StagedDirectory {
    let permissions = try OutputPermissions(of: self)
    do throws(FileError) {
      try FileSystem.createDirectory(path, permissions: permissions.ofFolder)
    } catch {
      guard error.errno == .fileExists else { throw error }
    }
    return StagedDirectory(path: path, permissions: permissions)
  }
}

extension StagedDirectory {
  /// Writes a file outside of the folder, syncs it, and moves it into the folder. A process that is killed leaves nothing
  /// in the folder, and two processes can write the same file at once.
  ///
  /// - Parameters:
  ///   - relativePath: The path of the file in the folder.
  ///   - scratch: A folder on the same file system, in which the file is written under a temporary name.
  ///   - isSame: Returns true if the file that has the name already may stay. It receives the paths of the new and of the
  ///     existing file. The default replaces the existing one.
  package func publishFile(
    _ relativePath: String, through scratch: String,
    isSame: (_ new: String, _ existing: String) throws -> Bool = { _, _ in false },
    _ body: (OutputFile) throws -> Void
  ) throws {
    let target = path + "/" + relativePath
    let partial = try PartialFile(
      for: scratch + "/" + FileSystem.baseName(of: relativePath), isDirectory: false,
      permissions: permissions.ofFile(relativePath))
    do {
      guard let file = partial.file else { return }
      try body(file)
      try file.sync()
      try partial.checkPresent()
      try Self.createFolders(of: relativePath, in: path, permissions: permissions.ofFolder)
      if try FileSystem.renameUnlessPresent(partial.path, to: target) != .renamed {
        if try FileSystem.typeIfPresent(target) == .regular, try isSame(partial.path, target) {
          partial.remove()
        } else {
          try FileSystem.rename(partial.path, to: target)
        }
      }
      try FileSystem.syncDirectory(FileSystem.parent(of: target))
    } catch {
      partial.remove()
      throw error
    }
  }
}
