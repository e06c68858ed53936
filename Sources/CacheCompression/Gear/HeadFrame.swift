import Base
import Checkpoints
import TensorCore

extension HeadFit {
  /// What all heads of a tensor share.
  struct Frame: Sendable {
    let tensor: LazyTensor
    let shape: GearShape
    let survey: TokenSurvey
    /// What scales and zeros are stored as.
    let scaleDType: DType
    /// Of the products; a power of two.
    let productScale: Float
    let space: HeadSpace
    let codes: SharedBytes
    let masks: SharedBytes
  }
}
