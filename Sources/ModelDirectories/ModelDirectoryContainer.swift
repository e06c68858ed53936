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

  static let singleFile = "model.safetensors"
  static let indexSuffix = ".safetensors.index.json"

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    if input.isFolder { return .content }
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
    let weights = try input.fileName ?? findWeights(in: input)
    let index = weights.hasSuffix(indexSuffix) ? try ShardIndex(input.open(weights)) : nil
    let names = index?.files ?? [weights]
    let shards = try names.map { try SafetensorsFile(input.open($0)) }
    let tensors = shards.flatMap(\.tensors)
    try checkNames(tensors, folder: input.folderPath)
    if let index { try index.check(shards) }
    var notes = try input.notesOnLinks(names)
    let (metadata, lineage) = SafetensorsContainer.split(
      shards[0].header.metadata ?? [], path: shards[0].file.path, notes: &notes)
    let companions = try Companions(of: input, weights: names + [weights])
    let identity = identity(of: shards)
    return Checkpoint(
      path: input.path, container: name, tensors: tensors, metadata: metadata,
      companions: companions.tensors, lineage: lineage, identity: identity,
      files: shards.map(\.file.identity) + companions.identities + input.identities,
      notes: notes + companions.notes, companionsAreFiles: true)
  }

  /// Returns the name of the single weights file of a folder, or of its only index.
  private static func findWeights(in input: InputTree) throws -> String {
    let names = try input.entries().map(\.name)
    let indexes = names.filter { $0.hasSuffix(indexSuffix) }
    if indexes.contains("model" + indexSuffix) { return "model" + indexSuffix }
    if names.contains(singleFile) { return singleFile }
    let files = names.filter { $0.hasSuffix(".safetensors") }
    let candidates = indexes.isEmpty ? files : indexes
    if candidates.count == 1 {
      guard indexes.isEmpty, candidates[0].contains(/-\d+-of-\d+\.safetensors$/) else {
        return candidates[0]
      }
      throw FormatError(
        .modelDirectory,
        "contains the shard \(candidates[0].printable), but neither an index nor other shards",
        path: input.path, hint: "download the missing files, or name a single file")
    }
    let found =
      candidates.isEmpty
      ? "the folder contains no safetensors file"
      : "the folder contains several candidates: "
        + candidates.map(\.printable).joined(separator: ", ")
    throw FormatError(
      .modelDirectory, "\(found); expected \(singleFile) or model\(indexSuffix)", path: input.path,
      hint: candidates.isEmpty ? nil : "name the file or index to read")
  }

  private static func checkNames(_ tensors: [LazyTensor], folder: String) throws(FormatError) {
    var files: [UTF8Key: String] = [:]
    for tensor in tensors {
      if let other = files.updateValue(tensor.stored.file, forKey: UTF8Key(tensor.name)) {
        throw FormatError(
          .modelDirectory, "is in both \(other.printable) and \(tensor.stored.file.printable)",
          path: folder, tensor: tensor.name)
      }
    }
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
}
