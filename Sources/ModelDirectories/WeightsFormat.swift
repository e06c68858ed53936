import Base
import Checkpoints
import PyTorch
import Safetensors

/// A format of the weights files in a model folder, in the order in which they are preferred.
enum WeightsFormat: CaseIterable {
  case safetensors, pyTorch

  /// The suffixes of its files.
  var suffixes: [String] {
    switch self {
    case .safetensors: [".safetensors"]
    case .pyTorch: PyTorchContainer.outputSuffixes
    }
  }

  /// The name of weights in a single file.
  var singleFile: String {
    switch self {
    case .safetensors: "model.safetensors"
    case .pyTorch: "pytorch_model.bin"
    }
  }

  /// The name of the index of several files.
  var singleIndex: String { singleFile + ".index.json" }

  /// Returns true if a file has the suffix of the format.
  func hasSuffix(_ name: String) -> Bool { suffixes.contains(where: name.hasSuffix) }

  /// Returns true if a file at the top of a folder may contain its weights in this format.
  func isWeightsFile(_ name: String, in input: InputTree) throws -> Bool {
    switch self {
    case .safetensors: return hasSuffix(name)
    case .pyTorch:
      guard hasSuffix(name), !Self.isTrainingState(name) else { return false }
      // Other programs write files with these suffixes too. One that cannot be opened is reported when it is read.
      guard !WeightFileNames.isTakenForWeights(name), let file = try? input.file(name) else {
        return WeightFileNames.isTakenForWeights(name)
      }
      return PyTorchContainer.recognition(of: file) == .content
    }
  }

  /// Returns true for the files beside the weights in which trainers keep the state of a run.
  private static func isTrainingState(_ name: String) -> Bool {
    let stem = name.prefix { $0 != "." }
    return ["training_args", "optimizer", "scheduler", "scaler"].contains(String(stem))
      || stem.hasPrefix("rng_state") || stem.hasPrefix("random_states")
  }

  /// Returns the format of a file name; nil if it is not that of a weights file.
  static func format(of name: String) -> WeightsFormat? {
    allCases.first { $0.hasSuffix(name) }
  }
}

/// An open file with weights of a model folder.
struct WeightsFile: Sendable {
  let file: InputFile
  let tensors: [LazyTensor]
  /// The metadata of the file without the lineage.
  let metadata: [Checkpoint.Metadatum]
  let lineage: Lineage
  let identity: InputIdentity
  let headerByteCount: Int
  let notes: [Message]

  /// Opens a file and reads its header.
  /// - Throws: The errors of the format; ``UsageError`` if the catalog does not fit into the limit.
  init(_ file: InputFile, _ format: WeightsFormat, in input: InputTree) throws {
    switch format {
    case .safetensors:
      let opened = try SafetensorsFile(file, limit: input.catalogLimit)
      tensors = opened.tensors
      var notes: [Message] = []
      (metadata, lineage) = SafetensorsContainer.split(
        opened.header.metadata ?? [], path: file.path, notes: &notes)
      self.notes = notes
      identity = opened.identity
      headerByteCount = opened.header.byteCount
    case .pyTorch:
      let opened = try PyTorchFile(
        file, limit: input.catalogLimit, key: input.choice.key)
      tensors = opened.tensors
      (metadata, lineage, notes) = (opened.metadata, opened.lineage, opened.notes)
      identity = opened.identity
      headerByteCount = 0
    }
    self.file = file
  }
}
