package import Base
import SystemPackage

/// A folder of files to read, on disk or inside an archive.
///
/// Names are relative paths whose components are separated by `/`.
package protocol FileTree: Sendable {
  /// Returns the entries of a folder in byte order of their names; "" is the root.
  func entries(in folder: String) throws -> [FileTreeEntry]

  /// Returns true if the name is that of a file, or of a link to one.
  func isFile(_ name: String) -> Bool

  /// Opens a file for reading at any offset.
  func open(_ name: String) throws -> InputFile

  /// Returns the path of a file, for messages.
  func path(of name: String) -> String

  /// The files and folders, other than the opened files, that must not be replaced while the tree is read.
  var identities: [FileIdentity] { get }
}

/// An entry of a folder.
package struct FileTreeEntry: Sendable, Equatable {
  /// The kind of an entry, after following links to files.
  package enum Kind: Sendable, Equatable {
    /// A regular file, or a link to one.
    case file
    case folder
    /// A link to a folder, which may form a cycle or lead out of the tree.
    case linkedFolder
    /// A device, a pipe, or a broken link.
    case other
  }

  /// The last component of its path.
  package var name: String
  package var kind: Kind

  package init(name: String, kind: Kind) {
    self.name = name
    self.kind = kind
  }
}

/// A folder of the file system.
package struct DiskFolder: FileTree {
  private let folder: String

  package init(_ folder: String) { self.folder = folder }

  package func entries(in folder: String) throws -> [FileTreeEntry] {
    let path = folder.isEmpty ? self.folder : self.path(of: folder)
    return try FileSystem.names(in: path).map { name in
      FileTreeEntry(name: name, kind: try Self.kind(of: path + "/" + name))
    }
  }

  private static func kind(of path: String) throws -> FileTreeEntry.Kind {
    switch FileSystem.targetType(path) {
    case .regular: return .file
    case .directory:
      return try FileSystem.typeIfPresent(path) == .directory ? .folder : .linkedFolder
    default: return .other
    }
  }

  package func isFile(_ name: String) -> Bool { FileSystem.isRegularFile(path(of: name)) }

  package func open(_ name: String) throws -> InputFile {
    try InputFile(path: path(of: name))
  }

  package func path(of name: String) -> String { folder + "/" + name }

  package var identities: [FileIdentity] {
    [FileIdentity(path: folder)].compactMap { $0 }
  }
}
