import Checkpoints
import Networks
import Packing
import Training

extension Checkpoint {
  /// Returns the checkpoint with the trained weights and statistics in place of its own.
  /// - Parameter masked: The names of tensors with masks, which are stored sparse where that is smaller.
  func replacingTensors(by trainer: Trainer<Float>, sparse masked: Set<String>) throws -> Checkpoint
  {
    var trained: [String: Value<Float>] = [:]
    for parameter in trainer.parameters + trainer.statistics {
      trained[parameter.name] = parameter.value
    }
    var result = self
    result.tensors = try tensors.map { tensor in
      guard let value = trained[tensor.name] else { return tensor }
      var new = try ValueTensorSource.tensor(tensor.name, value)
      if masked.contains(tensor.name), SparseAutoEncoding.applies(to: new.info) {
        new.storage = .losslessOrSparse
      }
      return new
    }
    return result
  }
}
