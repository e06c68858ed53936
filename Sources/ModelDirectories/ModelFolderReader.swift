import Base
package import Checkpoints
import Crypto
import Safetensors
import TensorCore

/// Reads model folders whose weights have some formats.
package struct ModelFolderReader: Sendable {
  private let container: ContainerName
  private let formats: WeightsFormats

  /// - Parameter container: The container that checkpoints name.
  package init(_ container: ContainerName, _ formats: WeightsFormats) {
    self.container = container
    self.formats = formats
  }

  /// Returns the evidence that a file is an index of shards in one of the formats; nil if there is none.
  package func recognition(ofIndex input: InputTree) -> ContainerRecognition? {
    let isJSON = input.prefix.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{")
    // A file that cannot be read again is reported by the container of its name.
    let name = input.fileName ?? ""
    if isJSON, let file = try? input.openNamedFile(),
      (try? formats.format(ofIndex: file, name: name)) != nil
    {
      return .content
    }
    return formats.format(ofIndexName: name) == nil ? nil : .name
  }

  /// Returns true if a folder, or one of the components that it lists, has an index of shards in one of the formats.
  package func hasIndex(_ folder: InputTree) -> Bool {
    guard let entries = try? folder.entries() else { return false }
    func isIndex(_ entry: FileTreeEntry, in folder: InputTree) -> Bool {
      guard entry.kind == .file || entry.kind == .linkedFile,
        WeightFileNames.isIndexName(entry.name.lowercased()),
        let file = try? folder.open(entry.name)
      else { return false }
      return (try? formats.format(ofIndex: file, name: entry.name)) != nil
    }
    if entries.contains(where: { isIndex($0, in: folder) }) { return true }
    guard let list = try? ComponentList.read(in: folder, entries: entries) else { return false }
    let others = entries.filter { $0.kind == .folder && ComponentLayout.isValid(path: $0.name) }
    return (list.paths + (list.isOpen ? others.map(\.name) : [])).contains { path in
      guard !path.isEmpty else { return false }
      let inner = folder.subfolder(path)
      return (try? inner.entries())?.contains { isIndex($0, in: inner) } ?? false
    }
  }

  /// Returns true if a folder has weights of its own, or is a list of components with weights.
  package func hasWeights(_ folder: InputTree) throws -> Bool {
    let entries = try folder.entries()
    // Whatever is beside it, this file is read or makes reading fail.
    if entries.contains(where: { $0.kind == .file && $0.name == SafetensorsWeights.singleFile }) {
      return true
    }
    do {
      return try FolderWeights.found(in: folder, entries: entries, formats) != nil
        || ComponentList.read(in: folder, entries: entries) != nil
    } catch is FormatError {
      // The weights are there, although they cannot be read.
      return true
    }
  }

  package func read(_ input: InputTree) throws -> Checkpoint {
    let entries = try input.entries()
    guard let name = input.fileName else {
      let found = try FolderComponent.found(in: input, entries: entries, formats)
      return try checkpoint(of: found.components, in: input, notes: found.notes)
    }
    let weights = try FolderWeights.named(name, in: input, formats)
    let component = try FolderComponent("", weights, in: input, entries: entries)
    return try checkpoint(of: [component], in: input, notes: [])
  }

  private func checkpoint(
    of components: [FolderComponent], in input: InputTree, notes: [Message]
  ) throws -> Checkpoint {
    let shards = components.flatMap(\.shards.files)
    let companions = try Companions(of: input, beside: components, formats)
    let metadata = components.map(\.shards.metadata)
    let root = components.firstIndex { $0.path.isEmpty }
    var checkpoint = Checkpoint(
      path: input.path, container: container, tensors: components.flatMap(\.tensors),
      metadata: root.map { metadata[$0].strings } ?? [], companions: companions.tensors,
      lineage: metadata.lazy.map(\.lineage).first { !$0.steps.isEmpty } ?? Lineage(),
      identity: Self.identity(of: shards),
      files: shards.map(\.file.identity) + companions.identities + input.identities,
      notes: try notes + components.flatMap(\.weights.notes) + metadata.flatMap(\.notes)
        + input.notesOnLinks(components.flatMap(\.weightsPaths).filter(input.isFile))
        + companions.notes, companionsAreFiles: true)
    checkpoint.skipped = companions.skipped
    checkpoint.hasChecksums = shards.allSatisfy(\.hasChecksums)
    checkpoint.identityCoversValues = shards.allSatisfy { $0.identity.coverage == .index }
    if let root {
      checkpoint.folder = components[root].layout
      checkpoint.attributes = components[root].shards.files.first?.attributes ?? Attributes()
    }
    checkpoint.folder.components = zip(components, metadata).compactMap { component, metadata in
      guard !component.path.isEmpty else { return nil }
      return ComponentLayout(
        path: component.path, layout: component.layout, metadata: metadata.strings)
    }
    try Self.checkNames(checkpoint)
    return checkpoint
  }

  /// Checks that no tensor of the folder itself has a name like those of a component.
  private static func checkNames(_ checkpoint: Checkpoint) throws(FormatError) {
    guard !checkpoint.folder.components.isEmpty else { return }
    var names: Set<UTF8Key> = []
    for tensor in checkpoint.tensors where !names.insert(UTF8Key(tensor.name)).inserted {
      throw FormatError(
        .modelDirectory, "is a tensor of two components of the folder", path: checkpoint.path,
        tensor: tensor.name, hint: "name one of the components to read it alone")
    }
  }

  /// Returns the identity of a single file, or a hash of the identities of several. It says nothing about files beside
  /// the weights.
  private static func identity(of shards: [WeightsFile]) -> InputIdentity {
    guard shards.count > 1 else {
      var identity = shards[0].identity
      identity.coverage = .headers
      return identity
    }
    let hashes = shards.map(\.identity.hash).joined()
    var hash = SHA256()
    hash.update(data: Array(hashes.utf8))
    return InputIdentity(
      hash: Array(hash.finalize()).hexadecimal,
      byteCount: shards.reduce(0) { $0 + $1.identity.byteCount })
  }
}
