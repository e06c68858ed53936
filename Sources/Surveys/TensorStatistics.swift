/// What `inspect --stats` says of the values of one tensor, or of all float tensors together.
package struct TensorStatistics: Sendable, Equatable {
  package var moments: Moments
  /// nil for tensors that are not of real floats.
  package var distribution: Distribution?

  package init(moments: Moments, distribution: Distribution? = nil) {
    self.moments = moments
    self.distribution = distribution
  }

  /// How finite magnitudes are distributed. F64 values are taken as rounded to float32.
  package struct Distribution: Sendable, Equatable {
    package var exponents: PQIndex
    package var pqIndex: Double
    package var gini: Double?
    /// Of magnitudes, at `Distribution.levels`, linear between neighbours; empty without values.
    package var quantiles: [Double] = []
    /// The share of Σw² that the largest 1 % of the values hold (rounded up to whole values).
    package var topEnergyShare: Double?
    /// nil for tensors of fewer than two dimensions.
    package var matrix: MatrixStatistics?
    /// About what the tensor takes in a `.sumac` file without loss, from the bytes of a sample.
    package var packedByteCount: Int?

    package static let levels = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999]
    /// The share of values whose energy is told apart.
    package static let topShare = 0.01
  }

  /// What a tensor is as a matrix [R, C].
  package struct MatrixStatistics: Sendable, Equatable {
    /// C.
    package var channelCount: Int
    /// Columns with a magnitude of more than six times the root mean square of the tensor; nil if there
    /// are over 2²⁰ columns.
    package var outlierChannelCount: Int?
    package var pattern: Pattern
    /// Of groups of M values in a row, those with at most N that are not zero.
    package var fittingShare: Double
    /// The share of Σw² that the N largest of each group hold; nil if all is zero.
    package var keptEnergyShare: Double?
    /// Of blocks of 16 × 16 values, those that are all zero.
    package var zeroBlockShare: Double

    package static let outlierFactor = 6.0
  }
}
