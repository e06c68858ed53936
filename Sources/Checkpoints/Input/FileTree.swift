package import Base
import SystemPackage

/// A folder of files to read, on disk or inside an archive.
///
/// Names are relative paths whose components are separated by `/`.
package protocol FileTree: Sendable {
  /// Returns the entries of a folder in byte order of their names; "" is the root.
  func entries(in folder: String) throws -> [FileTreeEntry]

  /// Opens a file for reading at any offset.
  func open(_ name: String) throws -> InputFile

  /// Returns the path of a file, for messages.
  func path(of name: String) -> String

  /// Returns true if a file is a link that leaves the tree.
  func isOutside(_ name: String) throws -> Bool

  /// The files and folders, other than the opened files, that must not be replaced while the tree is read.
  var identities: [FileIdentity] { get }
}

extension FileTree {
  package func isOutside(_ name: String) throws -> Bool { false }
}

/// An entry of a folder.
package struct FileTreeEntry: Sendable, Equatable {
  /// The kind of an entry, after following links to files.
  package enum Kind: Sendable, Equatable {
    /// A regular file, or a link to one inside the tree.
    case file
    /// A link to a file outside of the tree, which may be any file of the reader's machine.
    case linkedFile
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
  package let identities: [FileIdentity]

  /// - Parameter identity: The identity of the folder if it is an input, so that no output replaces it.
  package init(_ folder: String, identity: FileIdentity? = nil) {
    self.folder = folder
    identities = [identity].compactMap { $0 }
  }

  package func entries(in folder: String) throws -> [FileTreeEntry] {
    let path = folder.isEmpty ? self.folder : self.path(of: folder)
    return try FileSystem.names(in: path).map { name in
      let relative = folder.isEmpty ? name : folder + "/" + name
      return FileTreeEntry(name: name, kind: try kind(of: relative))
    }
  }

  private func kind(of name: String) throws -> FileTreeEntry.Kind {
    switch try FileSystem.typeIfPresent(path(of: name)) {
    case .regular: .file
    case .directory: .folder
    case .symbolicLink:
      switch try FileSystem.targetType(path(of: name)) {
      case .regular: try isOutside(name) ? .linkedFile : .file
      case .directory: .linkedFolder
      default: .other
      }
    default: .other
    }
  }

  package func isOutside(_ name: String) throws -> Bool {
    let root = try FileSystem.resolved(folder)
    let target = try FileSystem.resolved(path(of: name))
    return !target.hasPrefix(root == "/" ? root : root + "/") && !Self.isBlob(target, of: root)
  }

  /// Returns true if a file belongs to a snapshot in the cache of Hugging Face, where the names in
  /// `REPOSITORY/snapshots/REVISION` are links to files in `REPOSITORY/blobs`.
  ///
  /// Both paths are free of links, so a folder `blobs` that is a link itself does not count.
  private static func isBlob(_ target: String, of root: String) -> Bool {
    let parts = root.split(separator: "/")
    guard let snapshots = parts.lastIndex(of: "snapshots"), snapshots < parts.count - 1 else {
      return false
    }
    let repository = parts[..<snapshots].map { "/" + $0 }.joined()
    return FileSystem.parent(of: target) == repository + "/blobs"
  }

  package func open(_ name: String) throws -> InputFile {
    try InputFile(path: path(of: name))
  }

  package func path(of name: String) -> String { folder + "/" + name }
}

/// The tree of a stream, which has no files beside it.
struct NoFiles: FileTree {
  func entries(in folder: String) -> [FileTreeEntry] { [] }

  func open(_ name: String) throws -> InputFile {
    throw FileError("open", name, .noSuchFileOrDirectory)
  }

  func path(of name: String) -> String { name }

  var identities: [FileIdentity] { [] }
}
