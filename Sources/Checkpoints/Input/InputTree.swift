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

  /// Creates an input from a file or folder of the file system.
  package init(path: String) throws {
    self.path = path
    let stat = try FileSystem.stat(path)
    guard stat.type != .directory else {
      (fileName, prefix) = (nil, [])
      tree = DiskFolder(path, identity: FileIdentity(stat))
      return
    }
    fileName = FileSystem.baseName(of: path)
    let folder = FileSystem.parent(of: path)
    tree = DiskFolder(folder, identity: try FileIdentity.ifPresent(folder))
    let file = try InputFile(path: path)
    prefix = try file.bytes(at: 0, count: min(16, file.byteCount))
  }

  /// Creates an input from a folder that is not on disk, such as the members of an archive.
  package init(path: String, tree: any FileTree) {
    self.path = path
    self.tree = tree
    (fileName, prefix) = (nil, [])
  }

  /// Creates an input from the first bytes of a stream, to recognize its format before it is copied.
  init(stream name: String, prefix: [UInt8]) {
    path = name
    fileName = name
    self.prefix = prefix
    tree = NoFiles()
  }

  package var isFolder: Bool { fileName == nil }

  /// Opens the file of the input.
  /// - Throws: ``FileError`` for a folder.
  package func openNamedFile() throws -> InputFile { try InputFile(path: path) }

  /// Opens a file of the folder by its relative path.
  package func open(_ name: String) throws -> InputFile { try tree.open(name) }

  package func entries(in folder: String = "") throws -> [FileTreeEntry] {
    try tree.entries(in: folder)
  }

  /// Returns warnings about files of the folder that are links to files outside of it.
  package func notesOnLinks(_ names: [String]) throws -> [Message] {
    try names.filter { try tree.isOutside($0) }.map {
      "\(path(of: $0).printable) is a link that leaves the folder"
    }
  }

  /// The path of the folder, for messages.
  package var folderPath: String { isFolder ? path : FileSystem.parent(of: path) }

  package func path(of name: String) -> String { tree.path(of: name) }

  /// The identity of the folder, which no output may replace.
  package var identities: [FileIdentity] { tree.identities }
}
