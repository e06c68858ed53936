package import Base
package import Checkpoints
import Crypto
import Safetensors
import TensorCore

extension ContainerName {
  package static let directory = ContainerName(rawValue: "directory")
}

/// Hugging Face model folders: `model.safetensors`, or shards with `model.safetensors.index.json`, and the
/// files beside them.
package enum ModelDirectoryContainer: ContainerOutput {
  package static let name = ContainerName.directory
  package static let summary = "Hugging Face model folders"
  package static let suffix: String? = nil
  package static let isFolder = true
  package static let holdsTerms = false
  package static let recordsLateInputs = true

  /// The suffix of the weights files that are written.
  static let weightsSuffix = ".safetensors"

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    if input.isFolder { return .content }
    let isJSON = input.prefix.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{")
    // A file that cannot be read again is reported by the container of its name.
    let name = input.fileName ?? ""
    if isJSON, let file = try? input.openNamedFile(),
      (try? ShardIndex.isIndex(file, name: name)) == true
    {
      return .content
    }
    let isIndexName = WeightsFormat.allCases.contains { format in
      format.suffixes.contains { name.hasSuffix($0 + ".index.json") }
    }
    return isIndexName ? .name : nil
  }

  package static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option] {
    options.shardByteCount.map { [Lineage.Option("shard-size", String($0))] } ?? []
  }

  package static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter {
    try ModelDirectoryWriter(checkpoint, options: options)
  }

  package static func read(_ input: InputTree) throws -> Checkpoint {
    let entries = try input.entries()
    guard let name = input.fileName else {
      let found = try FolderComponent.found(in: input, entries: entries)
      return try checkpoint(of: found.components, in: input, notes: found.notes)
    }
    let weights = try FolderWeights.named(name, in: input)
    let component = try FolderComponent("", weights, in: input, entries: entries)
    return try checkpoint(of: [component], in: input, notes: [])
  }

  /// Returns true if a folder has weights of its own, or is a list of components with weights.
  package static func hasWeights(_ folder: InputTree) throws -> Bool {
    let entries = try folder.entries()
    // Whatever is beside it, this file is read or makes reading fail.
    if entries.contains(where: {
      $0.kind == .file && $0.name == WeightsFormat.safetensors.singleFile
    }) {
      return true
    }
    do {
      return try FolderWeights.found(in: folder, entries: entries) != nil
        || ComponentList.read(in: folder, entries: entries) != nil
    } catch is FormatError {
      // The weights are there, although they cannot be read.
      return true
    }
  }

  private static func checkpoint(
    of components: [FolderComponent], in input: InputTree, notes: [Message]
  ) throws -> Checkpoint {
    let shards = components.flatMap(\.shards.files)
    let companions = try Companions(of: input, beside: components)
    let metadata = components.map(\.shards.metadata)
    let root = components.firstIndex { $0.path.isEmpty }
    var checkpoint = Checkpoint(
      path: input.path, container: name, tensors: components.flatMap(\.tensors),
      metadata: root.map { metadata[$0].strings } ?? [], companions: companions.tensors,
      lineage: metadata.lazy.map(\.lineage).first { !$0.steps.isEmpty } ?? Lineage(),
      identity: identity(of: shards),
      files: shards.map(\.file.identity) + companions.identities + input.identities,
      notes: try notes + components.flatMap(\.weights.notes) + metadata.flatMap(\.notes)
        + input.notesOnLinks(components.flatMap(\.weightsPaths).filter(input.isFile))
        + companions.notes, companionsAreFiles: true)
    checkpoint.skipped = companions.skipped
    if let root { checkpoint.folder = components[root].layout }
    checkpoint.folder.components = zip(components, metadata).compactMap { component, metadata in
      guard !component.path.isEmpty else { return nil }
      return ComponentLayout(
        path: component.path, layout: component.layout, metadata: metadata.strings)
    }
    try checkNames(checkpoint)
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

  /// Returns the identity of a single file, or a hash of the identities of several.
  private static func identity(of shards: [WeightsFile]) -> InputIdentity {
    guard shards.count > 1 else { return shards[0].identity }
    let hashes = shards.map(\.identity.hash).joined()
    var hash = SHA256()
    hash.update(data: Array(hashes.utf8))
    return InputIdentity(
      hash: Array(hash.finalize()).hexadecimal,
      byteCount: shards.reduce(0) { $0 + $1.identity.byteCount })
  }
}

extension FormatError.Code {
  package static let modelDirectory = FormatError.Code(
    "directory.weights",
    meaning: "A model directory has no weights, or not those that its name or index promises.",
    remedy: "Fetch the missing files, or name the file that you mean.")
  package static let noWeights = FormatError.Code(
    "directory.no-weights",
    meaning: "The folder and its subfolders have no weights in a format that this version reads.",
    remedy: "List what the folder contains with inspect, and name the file that you mean.")
  package static let shardIndex = FormatError.Code(
    "directory.index",
    meaning: "The index of a model directory does not agree with its shards.",
    remedy: "Fetch index and shards of the same revision again.")
  package static let hubCache = FormatError.Code(
    "directory.hub-cache",
    meaning: "The folder is part of the Hugging Face cache and contains no model itself.",
    remedy: "Name the folder of a snapshot, or download the model if there is none.")
  package static let severalModels = FormatError.Code(
    "directory.several-models",
    meaning: "The folder has no weights of its own, but its subfolders have.",
    remedy: "Name one of the subfolders.")
}
