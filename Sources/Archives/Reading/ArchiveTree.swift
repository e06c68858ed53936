package import Base
package import Checkpoints
import SystemPackage

/// The folder that an archive contains.
///
/// If everything is inside one folder, that folder is the root; if the root has no weights, the folder nearest to it that
/// has some, if there is one such folder.
package struct ArchiveTree: FileTree {
  private let content: any ArchiveContent
  private let nodes: ArchiveNodes
  /// The path of the root inside the archive; empty for the archive itself.
  private let root: String

  init(_ content: any ArchiveContent) throws(FormatError) {
    self.content = content
    nodes = try ArchiveNodes(content)
    root = nodes.root
  }

  private func full(_ name: String) -> String {
    if name.isEmpty { return root }
    return root.isEmpty ? name : root + "/" + name
  }

  package func entries(in folder: String) throws -> [FileTreeEntry] {
    guard let entries = nodes.entries(in: full(folder)) else {
      throw FileError("list folder", path(of: folder), .noSuchFileOrDirectory)
    }
    return entries
  }

  package func isFile(_ name: String) throws -> Bool { nodes.file(full(name)) != nil }

  package func open(_ name: String) throws -> InputFile {
    guard let number = nodes.file(full(name)) else {
      throw FileError("open", path(of: name), .noSuchFileOrDirectory)
    }
    return try content.open(number)
  }

  package func path(of name: String) -> String { content.file.path + "/" + full(name) }

  package var identities: [FileIdentity] { [content.file.identity] }
}
