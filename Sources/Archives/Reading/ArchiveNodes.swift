import Base
import Checkpoints

/// The files and folders of an archive, by path.
struct ArchiveNodes: Sendable {
  private enum Node: Sendable {
    case file(Int)
    case folder(children: [String])
    case link(to: String)
  }

  private var nodes: [UTF8Key: Node] = [UTF8Key(""): .folder(children: [])]
  private static let maximumLinkDepth = 16
  /// A bound on nested folders, beyond that of any model.
  private static let maximumDepth = 64

  /// - Throws: ``FormatError`` if a path is used twice, or as a file and a folder.
  init(_ content: any ArchiveContent) throws(FormatError) {
    for member in content.members { try add(member, archive: content.file.path) }
  }

  private mutating func add(_ member: ArchiveMember, archive: String) throws(FormatError) {
    func duplicate() -> FormatError {
      FormatError(
        .duplicate, "several members have the path '\(member.path.printable)'", path: archive)
    }
    guard member.path.utf8.count(where: { $0 == UInt8(ascii: "/") }) < Self.maximumDepth else {
      throw FormatError(
        .name, "member '\(member.path.printable)' is in too many folders", path: archive)
    }
    let key = UTF8Key(member.path)
    let node: Node
    switch member.kind {
    case .folder:
      // Archives may list a folder again, or after its files.
      if case .folder? = nodes[key] { return }
      node = .folder(children: [])
    case .file(let number): node = .file(number)
    case .link(let target): node = .link(to: target)
    }
    guard nodes[key] == nil else { throw duplicate() }
    try addToParent(member.path, archive: archive)
    nodes[key] = node
  }

  /// Adds a name to its folder, and creates the folder.
  private mutating func addToParent(_ path: String, archive: String) throws(FormatError) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
    let parent = slash.map { String(path[..<$0]) } ?? ""
    let key = UTF8Key(parent)
    switch nodes[key] {
    case .folder(var children)?:
      // The array must have one owner, or every change would copy it.
      nodes[key] = nil
      children.append(name)
      nodes[key] = .folder(children: children)
    case nil:
      try addToParent(parent, archive: archive)
      nodes[key] = .folder(children: [name])
    case .file?, .link?:
      throw FormatError(
        .duplicate, "'\(parent.printable)' is a folder and another member at once", path: archive)
    }
  }

  /// Returns the node of a path after following links; nil if there is none.
  private func resolved(_ path: String) -> Node? {
    var node = nodes[UTF8Key(path)]
    for _ in 0..<Self.maximumLinkDepth {
      guard case .link(let target)? = node else { return node }
      node = nodes[UTF8Key(target)]
    }
    return nil
  }

  /// Returns the number of a file, after following links to it.
  func file(_ path: String) -> Int? {
    if case .file(let number)? = resolved(path) { number } else { nil }
  }

  /// Returns the entries of a folder in byte order of their names; nil if there is no such folder.
  func entries(in folder: String) -> [FileTreeEntry]? {
    guard case .folder(let children)? = nodes[UTF8Key(folder)] else { return nil }
    return children.sorted { $0.precedesAsBytes($1) }.map { name in
      FileTreeEntry(name: name, kind: kind(folder.isEmpty ? name : folder + "/" + name))
    }
  }

  private func kind(_ path: String) -> FileTreeEntry.Kind {
    let isLink = if case .link? = nodes[UTF8Key(path)] { true } else { false }
    return switch resolved(path) {
    case .file?: .file
    case .folder?: isLink ? .linkedFolder : .folder
    case .link?, nil: .brokenLink
    }
  }

  // MARK: The root

  /// The innermost folder that contains everything.
  var topFolder: String {
    var root = ""
    while let entries = entries(in: root), entries.count == 1, entries[0].kind == .folder {
      root = root.isEmpty ? entries[0].name : root + "/" + entries[0].name
    }
    return root
  }

  /// The folder that stands for the archive.
  var root: String {
    let root = topFolder
    return nearestFolder(below: root, Self.isWeights)
      ?? nearestFolder(below: root, WeightFileNames.mayContainTensors) ?? root
  }

  private static func isWeights(_ name: String) -> Bool {
    WeightFileNames.isTakenForWeights(name) || name.lowercased().hasSuffix(".sumac")
      || name == "model_index.json"
  }

  /// Returns the only folder with a matching file at the least depth; `folder` itself if there are several; nil if there
  /// is none.
  private func nearestFolder(below folder: String, _ matches: (String) -> Bool) -> String? {
    var level = [folder]
    while !level.isEmpty {
      var found: [String] = []
      var next: [String] = []
      for path in level {
        let entries = entries(in: path) ?? []
        if entries.contains(where: { $0.kind == .file && matches($0.name) }) { found.append(path) }
        for entry in entries where entry.kind == .folder {
          next.append(path.isEmpty ? entry.name : path + "/" + entry.name)
        }
      }
      if !found.isEmpty { return found.count == 1 ? found[0] : folder }
      level = next
    }
    return nil
  }
}
