import Base

/// A folder inside another tree.
struct SubfolderTree: FileTree {
  private let tree: any FileTree
  private let folder: String

  init(_ tree: any FileTree, _ folder: String) {
    self.tree = tree
    self.folder = folder
  }

  private func inside(_ name: String) -> String { name.isEmpty ? folder : folder + "/" + name }

  func entries(in folder: String) throws -> [FileTreeEntry] {
    try tree.entries(in: inside(folder))
  }

  func isFile(_ name: String) throws -> Bool { try tree.isFile(inside(name)) }

  func open(_ name: String) throws -> InputFile { try tree.open(inside(name)) }

  func path(of name: String) -> String { tree.path(of: inside(name)) }

  func isOutside(_ name: String) throws -> Bool { try tree.isOutside(inside(name)) }

  var identities: [FileIdentity] { tree.identities }
}
