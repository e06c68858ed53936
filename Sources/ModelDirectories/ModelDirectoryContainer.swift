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

  static let weightsSuffix = ".safetensors"
  static let indexSuffix = ".safetensors.index.json"
  static let singleFile = FolderLayout.defaultWeightsName + weightsSuffix
  static let singleIndex = FolderLayout.defaultWeightsName + indexSuffix

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    if input.isFolder { return .content }
    let isJSON = input.prefix.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{")
    // A file that cannot be read again is reported by the container of its name.
    if isJSON, let file = try? input.openNamedFile(),
      (try? ShardIndex.isIndex(file, name: input.fileName ?? "")) == true
    {
      return .content
    }
    return input.path.hasSuffix(indexSuffix) ? .name : nil
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
    let weights =
      try input.fileName.map { try FolderWeights.named($0, in: input) }
      ?? FolderWeights.found(in: input, entries: entries)
    let shards = try FolderShards(weights, in: input, entries: entries)
    let tensors = shards.files.flatMap(\.tensors)
    let metadata = shards.metadata
    let companions = try Companions(
      of: input, weights: Set(weights.files + [weights.name]), tensors: tensors.map(\.info))
    var checkpoint = Checkpoint(
      path: input.path, container: name, tensors: tensors, metadata: metadata.strings,
      companions: companions.tensors, lineage: metadata.lineage,
      identity: identity(of: shards.files),
      files: shards.files.map(\.file.identity) + companions.identities + input.identities,
      notes: try weights.notes + metadata.notes + input.notesOnLinks(weights.files)
        + companions.notes, companionsAreFiles: true)
    checkpoint.skipped = companions.skipped
    checkpoint.folder = layout(of: weights, checkpoint)
    return checkpoint
  }

  /// Returns the names of the weights, and the keys of the index that writers keep.
  private static func layout(
    of weights: FolderWeights, _ checkpoint: Checkpoint
  ) -> FolderLayout {
    var layout = FolderLayout()
    // Outputs do not repeat the name of a hidden or very long file.
    if FolderLayout.isValid(weightsName: weights.weightsName) {
      layout.weightsName = weights.weightsName
    }
    guard let index = weights.index else { return layout }
    layout.indexMembers = index.otherMembers
    layout.indexMetadata = index.metadata
    layout.indexMetadata["total_size"] = nil
    // Any other number is one that the writer of a quantization states.
    if index.metadata["total_parameters"]?.asInt == checkpoint.parameterCount {
      layout.indexMetadata["total_parameters"] = nil
      layout.countsParameters = true
    }
    return layout
  }

  /// Returns the identity of a single file, or a hash of the identities of several.
  private static func identity(of shards: [SafetensorsFile]) -> InputIdentity {
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
