/// The statistics that `inspect --stats` reports for the values of one tensor, or of all float tensors
/// together.
package struct TensorStatistics: Sendable, Equatable {
  package var moments: Moments
  /// The distribution of the magnitudes; nil unless the values are real floats.
  package var distribution: Distribution?

  package init(moments: Moments, distribution: Distribution? = nil) {
    self.moments = moments
    self.distribution = distribution
  }

  /// The distribution of finite magnitudes. F64 values are rounded to float32 first.
  package struct Distribution: Sendable, Equatable {
    package var exponents: PQIndex
    package var pqIndex: Double
    package var gini: Double?
    /// The quantiles of the magnitudes at `levels`, interpolated linearly; empty without values.
    package var quantiles: [Double] = []
    /// The share of Σw² that the largest 1 % of the values hold (rounded up to whole values).
    package var topEnergyShare: Double?
    /// The statistics as a matrix; nil for tensors of fewer than two dimensions.
    package var matrix: MatrixStatistics?
    /// The estimated losslessly encoded size in a `.sumac` file, in bytes, from a sample of the values.
    package var packedByteCount: Int?

    /// The numbers of values by powers of two of their magnitudes, without zeros; nil if there are none.
    package var octaves: MagnitudeHistogram.Octaves?

    package static let levels = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999]
    /// The share of values that `topEnergyShare` covers.
    package static let topShare = 0.01
  }

  /// The statistics of a tensor as a matrix [R, C].
  package struct MatrixStatistics: Sendable, Equatable {
    /// The number of columns C.
    package var channelCount: Int
    /// The number of columns with a magnitude of more than six times the root mean square of the tensor; nil
    /// for more than 2²⁰ columns.
    package var outlierChannelCount: Int?
    package var pattern: Pattern
    /// The share of groups of M values in a row with at most N nonzero values.
    package var fittingShare: Double
    /// The share of Σw² that the N largest values of each group hold; nil if all values are zero.
    package var keptEnergyShare: Double?
    /// The share of blocks of 16 × 16 values that contain only zeros.
    package var zeroBlockShare: Double

    package static let outlierFactor = 6.0
  }
}
