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
  private let tree: any FileTree
  private let namedFile: InputFile?

  /// Creates an input from a file or folder of the file system.
  package init(path: String) throws {
    guard try FileSystem.stat(path).type != .directory else {
      self.init(path: path, tree: DiskFolder(path))
      return
    }
    try self.init(
      file: InputFile(path: path), named: FileSystem.baseName(of: path),
      in: DiskFolder(FileSystem.parent(of: path)))
  }

  /// Creates an input from a folder that is not on disk, such as the members of an archive.
  package init(path: String, tree: any FileTree) {
    self.path = path
    self.tree = tree
    (fileName, namedFile, prefix) = (nil, nil, [])
  }

  private init(file: InputFile, named name: String, in tree: any FileTree) throws {
    path = file.path
    fileName = name
    prefix = try file.bytes(at: 0, count: min(16, file.byteCount))
    namedFile = file
    self.tree = tree
  }

  /// Returns the input that consists of a file of this folder.
  package func file(_ name: String) throws -> InputTree {
    try InputTree(file: tree.open(name), named: name, in: tree)
  }

  package var isFolder: Bool { fileName == nil }

  /// Returns the file of the input.
  /// - Throws: ``FileError`` for a folder.
  package func openNamedFile() throws -> InputFile { try namedFile ?? InputFile(path: path) }

  /// Returns true if the folder contains a file with this relative path.
  package func isFile(_ name: String) -> Bool { tree.isFile(name) }

  /// Opens a file of the folder by its relative path.
  package func open(_ name: String) throws -> InputFile { try tree.open(name) }

  package func entries(in folder: String = "") throws -> [FileTreeEntry] {
    try tree.entries(in: folder)
  }

  /// The path of the folder, for messages.
  package var folderPath: String { isFolder ? path : FileSystem.parent(of: path) }

  package func path(of name: String) -> String { tree.path(of: name) }

  /// The identity of the folder, which no output may replace.
  package var identities: [FileIdentity] { tree.identities }
}
