import Base
import Checkpoints
import TensorCore

extension HeadFit {
  /// The data that all heads of a tensor share.
  struct Frame: Sendable {
    let tensor: LazyTensor
    let shape: GearShape
    let survey: TokenSurvey
    /// The dtype of stored scales and zeros.
    let scaleDType: DType
    /// The scale of the products; a power of two.
    let productScale: Float
    let space: HeadSpace
    let codes: SharedBytes
    let masks: SharedBytes
  }
}
