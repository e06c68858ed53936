import Base
import SystemPackage

/// Finds the files of models by the names that recipes use: paths, and ids of models on the Hugging Face hub.
struct ModelLocator {
  /// A model that was found.
  struct Location: Equatable {
    var path: String
    /// The name in messages and in the lineage, if the path does not show it.
    var name: String?
    var note: Message?
  }

  /// The path of the recipe, beside which models are looked for as well.
  let recipe: String?
  let hubFolder: String?

  /// Returns the location of a model: `PATH`, `PATH@REVISION`, `ID` or `ID@REVISION`.
  ///
  /// - Throws: `FileError` if there is no such file, folder or model.
  func location(of name: String) throws -> Location {
    if let path = existing(name) { return Location(path: path) }
    let at = name.lastIndex(of: "@")
    let id = at.map { String(name[..<$0]) } ?? name
    let revision = at.map { String(name[name.index(after: $0)...]) }
    if let revision, let path = existing(id) {
      return Location(
        path: path,
        note:
          "\(id.printable): revision '\(revision.printable)' is ignored, the files at this path are used"
      )
    }
    guard Self.isModelID(id) else {
      throw FileError("read", name, .noSuchFileOrDirectory)
    }
    if let hubFolder, let commit = commit(of: id, revision: revision, in: hubFolder) {
      return Location(
        path: "\(Self.folder(of: id, in: hubFolder))/snapshots/\(commit)", name: id,
        note: "\(id): snapshot \(commit.prefix(12)) of the Hugging Face cache is used")
    }
    guard id.contains("/") else { throw FileError("read", name, .noSuchFileOrDirectory) }
    let place = hubFolder.map { " (\($0.printable))" } ?? ""
    throw FileError(
      "read, and the Hugging Face cache\(place) does not contain it", name, .noSuchFileOrDirectory,
      remedy:
        "download it with 'hf download \(id)\(revision.map { " --revision \($0.printable)" } ?? "")', "
        + "or use a path")
  }

  /// Returns the path of a model, relative to the working directory or to the recipe, or nil if it does not exist.
  private func existing(_ name: String) -> String? {
    if (try? FileSystem.stat(name)) != nil { return name }
    guard let recipe, !name.hasPrefix("/") else { return nil }
    let beside = FileSystem.parent(of: recipe) + "/" + name
    return (try? FileSystem.stat(beside)) == nil ? nil : beside
  }

  // MARK: The cache of huggingface_hub

  /// Returns true for `NAME` and `OWNER/NAME` with the characters that ids may have.
  private static func isModelID(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return (1...2).contains(parts.count)
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.count <= 96 && part.first != "." && part.first != "-"
          && part.utf8.allSatisfy { isNameByte($0) }
      }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
    default: false
    }
  }

  private static func folder(of id: String, in hubFolder: String) -> String {
    "\(hubFolder)/models--\(id.split(separator: "/").joined(separator: "--"))"
  }

  /// Returns the commit of a revision that is in the cache: a branch, a tag or a commit; `main` if nil.
  private func commit(of id: String, revision: String?, in hubFolder: String) -> String? {
    let folder = Self.folder(of: id, in: hubFolder)
    let name = revision ?? "main"
    guard name.split(separator: "/").allSatisfy({ $0 != ".." }), !name.contains("\0") else {
      return nil
    }
    var candidates: [String] = []
    if let file = try? InputFile(path: "\(folder)/refs/\(name)"), file.byteCount <= 256,
      let bytes = try? file.bytes(at: 0, count: file.byteCount)
    {
      let text = bytes.prefix { $0 > 0x20 }
      candidates.append(String(decoding: text, as: UTF8.self))
    }
    candidates.append(name)
    return candidates.first { commit in
      !commit.isEmpty && commit.utf8.allSatisfy { Self.isNameByte($0) } && commit.first != "."
        && FileSystem.isDirectory("\(folder)/snapshots/\(commit)")
    }
  }
}
