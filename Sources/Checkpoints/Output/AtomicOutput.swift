package import Base
import Glibc
package import SystemPackage

/// A file or folder that appears under its name only when it is complete.
///
/// It is written under a temporary name in the same folder, synced, and then renamed. The temporary file is created
/// exclusively, with random digits in its name, and locked while its writer lives.
package struct AtomicOutput: Sendable {
  package let path: String
  package let replacesExisting: Bool
  /// The files and folders that are read for the output. It does not appear if one of the files changes meanwhile.
  package let inputs: [FileIdentity]
  /// The outputs that appear together with this one; nil if it appears as soon as it is written.
  package var group: OutputGroup?

  package init(path: String, replacesExisting: Bool, inputs: [FileIdentity] = []) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
    self.replacesExisting = replacesExisting
    self.inputs = inputs
  }

  /// Throws errors that are known before the work: the output exists, its folder does not exist, or the
  /// output is one of the inputs.
  package func check(isDirectory: Bool) throws {
    guard !["", ".", "..", "/"].contains(FileSystem.baseName(of: path)) else {
      throw UsageError("'\(path.printable)' cannot be the name of an output")
    }
    let folder = FileSystem.parent(of: path)
    switch try FileSystem.targetType(folder) {
    case .directory?: break
    case nil: throw FileError("write to folder", folder, .noSuchFileOrDirectory)
    default: throw FileError("write to folder", folder, .notDirectory)
    }
    guard unsafe access(folder, W_OK) == 0 else {
      throw FileError("write to folder", folder, Errno(rawValue: errno))
    }
    if let identity = try FileIdentity.ifPresent(path), inputs.contains(identity) {
      throw UsageError(
        "\(path.printable) is the input itself", hint: "choose another name with -o")
    }
    if isDirectory, try FileSystem.targetType(path) == .directory, try holdsInputs() {
      throw UsageError(
        "the input is inside \(path.printable), which would be replaced",
        hint: "choose another name with -o")
    }
    guard let type = try FileSystem.typeIfPresent(path) else { return }
    if let target = try FileSystem.targetType(path), ![.regular, .directory].contains(target) {
      throw UsageError(
        "\(path.printable) is a device or pipe, which an output would replace",
        hint: "write to the standard output with: -o -")
    }
    guard replacesExisting else { throw OutputExistsError(path: path) }
    switch (isDirectory, type == .directory) {
    case (false, true):
      throw OutputExistsError(
        path: path, reason: "is a folder; \(setting: "force") does not replace it with a file")
    case (true, false):
      throw OutputExistsError(
        path: path, reason: "is a file; \(setting: "force") does not replace it with a folder")
    case (true, true): try checkReplaceable()
    case (false, false): break
    }
  }

  /// True if a file inside the existing output folder, at any depth, is one of the inputs.
  private func holdsInputs() throws -> Bool {
    let wanted = Set(inputs)
    func search(_ folder: String, depth: Int) throws -> Bool {
      for name in try FileSystem.names(in: folder) {
        let inner = folder + "/" + name
        if let identity = try FileIdentity.ifPresent(inner), wanted.contains(identity) {
          return true
        }
        if depth < 16, try FileSystem.typeIfPresent(inner) == .directory,
          try search(inner, depth: depth + 1)
        {
          return true
        }
      }
      return false
    }
    return try search(path, depth: 0)
  }

  /// The ends of the file names by which a folder is recognized as a model or a cache. A chunk of LMCache has a
  /// `.pt.meta` file beside it.
  private static let modelSuffixes = [
    ".safetensors", ".safetensors.index.json", ".sumac.index.json", ".pt.meta", "model_index.json",
    "modules.json",
  ]

  /// Throws unless the existing folder is empty or contains a model or cache, so that a wrong path deletes nothing.
  private func checkReplaceable() throws {
    let names = try FileSystem.names(in: path)
    let holdsModel = names.contains { name in Self.modelSuffixes.contains { name.hasSuffix($0) } }
    guard names.isEmpty || holdsModel else {
      throw OutputExistsError(
        path: path,
        reason: "is a folder without a model; \(setting: "force") does not replace it")
    }
  }

  /// Throws if an existing folder would have to be replaced on a file system that cannot exchange two folders. Call it
  /// before long work; it creates two empty folders for a moment.
  package func checkExchange() throws {
    guard try FileSystem.typeIfPresent(path) == .directory else { return }
    let permissions = OutputPermissions.allOfFolder
    // Each has the name of the other after the exchange, so they are removed by their names.
    let first = try PartialFile(for: path, isDirectory: true, permissions: permissions)
    defer { try? FileSystem.removeEmptyDirectory(first.path) }
    let second = try PartialFile(for: path, isDirectory: true, permissions: permissions)
    defer { try? FileSystem.removeEmptyDirectory(second.path) }
    guard try FileSystem.exchange(first.path, with: second.path) else {
      throw FileError(
        "replace, since its file system cannot exchange two folders; remove it or choose another name",
        path, .notSupported)
    }
  }

  /// Creates a file with the content that `body` writes.
  package func writeFile(_ body: (OutputFile) throws -> Void) throws {
    let permissions = try OutputPermissions(of: self)
    let partial = try PartialFile(
      for: path, isDirectory: false, permissions: permissions.ofFile(""))
    try complete(partial) {
      guard let file = partial.file else { return }
      try body(file)
      try file.sync()
    }
  }

  /// Creates a folder with the files that `body` creates.
  package func writeDirectory(_ body: (StagedDirectory) throws -> Void) throws {
    let permissions = try OutputPermissions(of: self)
    let partial = try PartialFile(
      for: path, isDirectory: true, permissions: permissions.ofFolder)
    try complete(partial) {
      try body(StagedDirectory(path: partial.path, permissions: permissions))
      try syncTree(partial.path)
    }
  }

  /// Writes the content of the temporary file and adds it to the group, or lets it appear.
  private func complete(_ partial: PartialFile, _ body: () throws -> Void) throws {
    do { try body() } catch {
      partial.remove()
      throw error
    }
    let outputs = group ?? OutputGroup()
    outputs.add(self, partial)
    if group == nil { try outputs.commit() }
  }

  /// Syncs all folders, the innermost first; files are synced when they are closed.
  private func syncTree(_ folder: String) throws {
    for name in try FileSystem.names(in: folder)
    where try FileSystem.typeIfPresent(folder + "/" + name) == .directory {
      try syncTree(folder + "/" + name)
    }
    try FileSystem.syncDirectory(folder)
  }
}

/// A folder that is being written.
package struct StagedDirectory: Sendable {
  package let path: String
  let permissions: OutputPermissions

  /// Creates a file at a relative path, and its folders, and syncs it after `body`.
  package func writeFile(_ relativePath: String, _ body: (OutputFile) throws -> Void) throws {
    try Self.createFolders(of: relativePath, in: path, permissions: permissions.ofFolder)
    let file = try OutputFile(
      creating: path + "/" + relativePath, permissions: permissions.ofFile(relativePath))
    try body(file)
    try file.sync()
  }

  /// Creates the folders that contain a file at a relative path.
  package static func createFolders(
    of relativePath: String, in folder: String,
    permissions: FilePermissions = FilePermissions(rawValue: 0o777)
  ) throws {
    var folder = folder
    for component in RelativePath.components(of: relativePath).dropLast() {
      folder += "/" + component
      guard try FileSystem.typeIfPresent(folder) == nil else { continue }
      do throws(FileError) {
        try FileSystem.createDirectory(folder, permissions: permissions)
      } catch {
        // Another process that writes into the same folder may have been faster.
        guard error.errno == .fileExists else { throw error }
      }
    }
  }
}
