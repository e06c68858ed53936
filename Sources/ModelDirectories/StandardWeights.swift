package import Base
package import Checkpoints
import PyTorch
import Safetensors

/// Weights in safetensors files.
package enum SafetensorsWeights: WeightsFormat {
  package static let suffixes = [".safetensors"]
  package static let singleFile = "model.safetensors"

  package static func isWeightsFile(_ name: String, in input: InputTree) -> Bool {
    hasSuffix(name)
  }

  package static func open(_ file: InputFile, in input: InputTree) throws -> WeightsFile {
    let opened = try SafetensorsFile(file, limit: input.catalogLimit)
    var notes: [Message] = []
    let (metadata, lineage) = SafetensorsContainer.split(
      opened.header.metadata ?? [], path: file.path, notes: &notes)
    return WeightsFile(
      file: file, tensors: opened.tensors, metadata: metadata, lineage: lineage,
      identity: opened.identity, headerByteCount: opened.header.byteCount, notes: notes)
  }
}

/// Weights in files of PyTorch.
package enum PyTorchWeights: WeightsFormat {
  package static let suffixes = PyTorchContainer.outputSuffixes
  package static let singleFile = "pytorch_model.bin"

  package static func isWeightsFile(_ name: String, in input: InputTree) throws -> Bool {
    guard hasSuffix(name), !isTrainingState(name) else { return false }
    // Other programs write files with these suffixes too. One that cannot be opened is reported when it is read.
    guard !WeightFileNames.isTakenForWeights(name), let file = try? input.file(name) else {
      return WeightFileNames.isTakenForWeights(name)
    }
    return PyTorchContainer.recognition(of: file) == .content
  }

  /// Returns true for the files beside the weights in which trainers keep the state of a run.
  private static func isTrainingState(_ name: String) -> Bool {
    let stem = name.prefix { $0 != "." }
    return ["training_args", "optimizer", "scheduler", "scaler"].contains(String(stem))
      || stem.hasPrefix("rng_state") || stem.hasPrefix("random_states")
  }

  package static func open(_ file: InputFile, in input: InputTree) throws -> WeightsFile {
    let opened = try PyTorchFile(file, limit: input.catalogLimit, key: input.choice.key)
    return WeightsFile(
      file: file, tensors: opened.tensors, metadata: opened.metadata, lineage: opened.lineage,
      identity: opened.identity, headerByteCount: 0, notes: opened.notes)
  }
}
