import Checkpoints
import Models
import TensorCore

extension [LazyTensor] {
  /// The rows along the last dimension.
  var lastRows: [RowGeometry] { map { RowGeometry($0.info.shape) } }

  /// The rows that follow from the roles of the tensors.
  var roleRows: [RowGeometry] {
    zip(self, TensorRole.roles(of: map(\.info))).map { RowGeometry($1, $0.info.shape) }
  }
}
