package import Base
import SystemPackage

/// An input: a file together with its folder, or a whole folder.
package struct InputTree: Sendable {
  /// The path that the user gave.
  package let path: String
  /// The name of the file inside the folder; nil if the input is the folder.
  package let fileName: String?
  /// The first 16 bytes of the file, fewer if it is shorter; empty for a folder.
  package let prefix: [UInt8]
  /// The limit on memory for the catalog, which containers check before they build it.
  package let catalogLimit: CatalogLimit
  /// The choices of the user among several weights.
  package let choice: WeightsChoice
  private let tree: any FileTree
  private let namedFile: InputFile?

  /// Creates an input from a file or folder of the file system.
  /// - Parameter name: The name in messages, if it is not the path.
  package init(
    path: String, name: String? = nil, limit: CatalogLimit = .none,
    choice: WeightsChoice = WeightsChoice()
  ) throws {
    let stat = try BrokenLink.explained(path) { try FileSystem.stat(path) }
    guard stat.type != .directory else {
      self.init(
        path: path, tree: DiskFolder(path, identity: FileIdentity(stat)), limit: limit,
        choice: choice)
      return
    }
    let folder = FileSystem.parent(of: path)
    try self.init(
      file: InputFile(path: path, name: name), named: name ?? FileSystem.baseName(of: path),
      in: DiskFolder(folder, identity: FileIdentity.ifPresent(folder)), limit: limit,
      choice: choice)
  }

  /// Creates an input from a folder that is not on disk, such as the members of an archive.
  package init(
    path: String, tree: any FileTree, limit: CatalogLimit = .none,
    choice: WeightsChoice = WeightsChoice()
  ) {
    self.path = path
    self.tree = tree
    self.choice = choice
    catalogLimit = limit
    (fileName, namedFile, prefix) = (nil, nil, [])
  }

  private init(
    file: InputFile, named name: String, in tree: any FileTree, limit: CatalogLimit,
    choice: WeightsChoice
  ) throws {
    path = file.path
    self.choice = choice
    fileName = name
    prefix = try file.bytes(at: 0, count: min(16, file.byteCount))
    namedFile = file
    self.tree = tree
    catalogLimit = limit
  }

  /// Returns the input that consists of a file of this folder.
  package func file(_ name: String) throws -> InputTree {
    try InputTree(
      file: tree.open(name), named: name, in: tree, limit: catalogLimit, choice: choice)
  }

  /// Returns the input that consists of a subfolder.
  package func subfolder(_ folder: String) -> InputTree {
    InputTree(
      path: path(of: folder), tree: SubfolderTree(tree, folder), limit: catalogLimit, choice: choice
    )
  }

  /// Creates an input from the first bytes of a stream, to recognize its format before it is copied.
  init(stream name: String, prefix: [UInt8]) {
    path = name
    fileName = name
    namedFile = nil
    self.prefix = prefix
    tree = NoFiles()
    catalogLimit = .none
    choice = WeightsChoice()
  }

  package var isFolder: Bool { fileName == nil }
  /// True if only the first bytes of a stream are known.
  package var isStream: Bool { !isFolder && namedFile == nil }

  /// Returns the file of the input.
  /// - Throws: ``FileError`` for a folder.
  package func openNamedFile() throws -> InputFile { try namedFile ?? InputFile(path: path) }

  /// Returns true if the folder contains a file with this relative path.
  package func isFile(_ name: String) throws -> Bool { try tree.isFile(name) }

  /// Opens a file of the folder by its relative path.
  /// - Throws: ``FormatError`` for a link to a file that does not exist.
  package func open(_ name: String) throws -> InputFile {
    try BrokenLink.explained(tree.path(of: name)) { try tree.open(name) }
  }

  package func entries(in folder: String = "") throws -> [FileTreeEntry] {
    try tree.entries(in: folder)
  }

  /// Returns warnings about files of the folder that are links to files outside of it.
  package func notesOnLinks(_ names: [String]) throws -> [Message] {
    try names.filter { try tree.isOutside($0) }.map {
      "\(path(of: $0).printable) is a link that leaves the folder"
    }
  }

  /// Returns true if a file of the folder is a link to a file outside of it.
  package func isOutside(_ name: String) throws -> Bool { try tree.isOutside(name) }

  /// The path of the folder, for messages.
  package var folderPath: String { isFolder ? path : FileSystem.parent(of: path) }

  package func path(of name: String) -> String { tree.path(of: name) }

  /// The identity of the folder, which no output may replace.
  package var identities: [FileIdentity] { tree.identities }
}
