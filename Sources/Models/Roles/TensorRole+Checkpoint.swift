package import Checkpoints

extension TensorRole {
  /// Returns the role of each tensor of a checkpoint. A configuration that cannot be read is ignored.
  /// - Complexity: O(*n*) for *n* tensors; no values of tensors are read.
  package static func roles(of checkpoint: Checkpoint) -> [TensorRole] {
    roles(
      of: checkpoint.tensors.map(\.info), configuration: try? checkpoint.modelConfiguration())
  }
}
