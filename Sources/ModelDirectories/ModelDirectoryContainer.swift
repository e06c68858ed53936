package import Base
package import Checkpoints

extension ContainerName {
  package static let directory = ContainerName(rawValue: "directory")
}

/// Hugging Face model folders: `model.safetensors`, or shards with `model.safetensors.index.json`, and the
/// files beside them.
package enum ModelDirectoryContainer: ContainerOutput {
  package static let name = ContainerName.directory
  package static let summary = "Hugging Face model folders"
  package static let explanation = """
    A model folder as Hugging Face programs read it: model.safetensors, or shards with
    model.safetensors.index.json, with config.json, the tokenizer and other files beside them.
    """
  package static let suffix: String? = nil
  package static let isFolder = true
  package static let holdsTerms = false
  package static let recordsLateInputs = true

  /// The suffix of the weights files that are written.
  static let weightsSuffix = ".safetensors"

  private static let reader = ModelFolderReader(name, .standard)

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    input.isFolder ? .content : reader.recognition(ofIndex: input)
  }

  package static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option] {
    options.shardByteCount.map { [Lineage.Option("shard-size", String($0))] } ?? []
  }

  package static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter {
    try ModelDirectoryWriter(checkpoint, options: options) { component, tensors in
      try ComponentFiles(component, tensors, options: options, path: checkpoint.path)
    }
  }

  package static func read(_ input: InputTree) throws -> Checkpoint { try reader.read(input) }

  /// Returns true if a folder has weights of its own, or is a list of components with weights.
  package static func hasWeights(_ folder: InputTree) throws -> Bool {
    try reader.hasWeights(folder)
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
