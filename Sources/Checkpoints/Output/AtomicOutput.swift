package import Base
import Glibc
import SystemPackage

/// A file or folder that appears under its name only when it is complete.
///
/// It is written as `NAME.partial-PID` in the same folder, synced, and then renamed.
package struct AtomicOutput: Sendable {
  package let path: String
  package let replacesExisting: Bool

  package init(path: String, replacesExisting: Bool) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
    self.replacesExisting = replacesExisting
  }

  private var partialPath: String { "\(path).partial-\(getpid())" }

  /// Throws errors that are known before the work: the output exists, its folder does not exist, or the
  /// output is one of the inputs.
  package func check(isDirectory: Bool, inputs: [FileIdentity]) throws {
    guard !["", ".", "..", "/"].contains(FileSystem.baseName(of: path)) else {
      throw UsageError("'\(path.printable)' cannot be the name of an output")
    }
    let folder = FileSystem.parent(of: path)
    guard FileSystem.isDirectory(folder) else {
      let isFile = FileSystem.isRegularFile(folder)
      throw FileError("write to folder", folder, isFile ? .notDirectory : .noSuchFileOrDirectory)
    }
    guard unsafe access(folder, W_OK) == 0 else {
      throw FileError("write to folder", folder, Errno(rawValue: errno))
    }
    if let identity = FileIdentity(path: path), inputs.contains(identity) {
      throw UsageError(
        "\(path.printable) is the input itself", hint: "choose another name with -o")
    }
    if isDirectory, FileSystem.isDirectory(path), try holds(inputs) {
      throw UsageError(
        "the input is inside \(path.printable), which would be replaced",
        hint: "choose another name with -o")
    }
    guard let type = try FileSystem.typeIfPresent(path) else { return }
    if let target = FileSystem.targetType(path), ![.regular, .directory].contains(target) {
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
  private func holds(_ inputs: [FileIdentity]) throws -> Bool {
    let wanted = Set(inputs)
    func search(_ folder: String, depth: Int) throws -> Bool {
      for name in try FileSystem.names(in: folder) {
        let inner = folder + "/" + name
        if let identity = FileIdentity(path: inner), wanted.contains(identity) { return true }
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

  /// Throws unless the existing folder is empty or contains a model, so that a wrong path deletes nothing.
  private func checkReplaceable() throws {
    let names = try FileSystem.names(in: path)
    let holdsModel = names.contains {
      $0.hasSuffix(".safetensors") || $0.hasSuffix(".safetensors.index.json")
    }
    guard names.isEmpty || holdsModel else {
      throw OutputExistsError(
        path: path,
        reason: "is a folder without a model; \(setting: "force") does not replace it")
    }
  }

  /// Creates a file with the content that `body` writes.
  package func writeFile(_ body: (OutputFile) throws -> Void) throws {
    try withPartial { partial in
      let file = try OutputFile(creating: partial)
      try body(file)
      try file.sync()
    }
  }

  /// Creates a folder with the files that `body` creates.
  package func writeDirectory(_ body: (StagedDirectory) throws -> Void) throws {
    try withPartial { partial in
      try FileSystem.createDirectory(partial)
      try body(StagedDirectory(path: partial))
      try syncTree(partial)
    }
  }

  private func withPartial(_ body: (String) throws -> Void) throws {
    let partial = partialPath
    // A file of this name was left by a process that has ended: the process number is ours now.
    if try FileSystem.typeIfPresent(partial) != nil { try FileSystem.removeTree(partial) }
    do {
      try body(partial)
      try commit(partial)
    } catch {
      try? FileSystem.removeTree(partial)
      throw error
    }
  }

  private func commit(_ partial: String) throws {
    let folder = FileSystem.parent(of: path)
    switch try FileSystem.renameUnlessPresent(partial, to: path) {
    case .renamed: break
    case .unsupported:
      // Check again that the replacement is allowed.
      if try FileSystem.typeIfPresent(path) != nil, !replacesExisting {
        throw OutputExistsError(path: path)
      }
      try FileSystem.rename(partial, to: path, .replacing)
    case .present where !replacesExisting: throw OutputExistsError(path: path)
    case .present where FileSystem.isDirectory(partial):
      try FileSystem.rename(partial, to: path, .exchanging)
      try FileSystem.syncDirectory(folder)
      return try FileSystem.removeTree(partial)
    case .present: try FileSystem.rename(partial, to: path, .replacing)
    }
    try FileSystem.syncDirectory(folder)
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

  /// Creates a file at a relative path, and its folders, and syncs it after `body`.
  package func writeFile(_ relativePath: String, _ body: (OutputFile) throws -> Void) throws {
    var folder = path
    for component in relativePath.split(separator: "/").dropLast() {
      folder += "/" + component
      if !FileSystem.isDirectory(folder) { try FileSystem.createDirectory(folder) }
    }
    let file = try OutputFile(creating: path + "/" + relativePath)
    try body(file)
    try file.sync()
  }
}
