import Base
package import TensorCore

/// The counts, extremes and power sums of a tensor's values.
///
/// The counts cover all values; everything else covers the finite values only. Sums are in Double: each
/// chunk of the grid is added in 16 lanes, and the chunks are added in order. Their bits depend only on the
/// values.
package struct Moments: Equatable, Sendable {
  package private(set) var count = 0
  /// The number of zeros of both signs.
  package private(set) var zeros = 0
  package private(set) var negativeZeros = 0
  package private(set) var nans = 0
  package private(set) var positiveInfinities = 0
  package private(set) var negativeInfinities = 0
  /// The smallest value. This and the other extremes are nil if no value is finite.
  package private(set) var minimum: Double?
  package private(set) var maximum: Double?
  package private(set) var largestMagnitude: Double?
  package private(set) var sum = 0.0
  /// The L1 norm.
  package private(set) var magnitudeSum = 0.0
  package private(set) var squareSum = 0.0
  /// The sum of squared distances from the mean.
  ///
  /// A chunk is summed in a second pass over it. Chunks are combined by the formula of Chan, Golub and
  /// LeVeque (1979), so a large mean does not lose digits.
  private var centralSquareSum = 0.0

  package init() {}

  package var finiteCount: Int { count - nans - positiveInfinities - negativeInfinities }
  package var mean: Double? { finiteCount > 0 ? sum / Double(finiteCount) : nil }
  /// The L2 norm.
  package var euclideanNorm: Double { squareSum.squareRoot() }
  /// The population standard deviation: the root of the mean square distance from the mean.
  package var standardDeviation: Double? {
    finiteCount > 0 ? (centralSquareSum / Double(finiteCount)).squareRoot() : nil
  }
  /// The share of all values that are zeros of either sign; nil without values.
  package var zeroShare: Double? { count > 0 ? Double(zeros) / Double(count) : nil }

  /// Computes the moments of one chunk of canonical bytes.
  ///
  /// Floats except F64, and integers of up to 16 bits, are converted to float32, which is exact. Wider
  /// integers are converted to float64. A complex number counts as two values.
  /// - Parameter scratch: `scratchByteCount` bytes.
  @_lifetime(scratch: copy scratch)
  package init(
    of values: borrowing RawSpan, dtype: DType, elementCount: Int, scratch: inout MutableRawSpan
  ) throws {
    let kernels = Kernels.best
    switch dtype {
    case .f32, .c64: self.init(values, of: .f32)
    case .f64: self.init(values, of: .f64)
    default:
      let wide = Self.workingDType(of: dtype)
      var target = scratch._mutatingExtracting(0..<wide.byteCount(of: elementCount)!)
      try kernels.convert(
        values, from: dtype, to: wide, elementCount: elementCount, saturating: false, into: &target)
      self.init(target.bytes, of: wide == .f64 ? .f64 : .f32)
    }
  }

  /// Returns the scratch memory for the moments of a chunk, in bytes.
  package static func scratchByteCount(dtype: DType, elementCount: Int) -> Int {
    switch dtype {
    case .f32, .f64, .c64: 0
    default: workingDType(of: dtype).byteCount(of: elementCount)!
    }
  }

  private static func workingDType(of dtype: DType) -> DType {
    switch dtype {
    case .i32, .u32, .i64, .u64, .f64: .f64
    default: .f32
    }
  }

  private init(_ values: borrowing RawSpan, of dtype: Kernels.SummedDType) {
    let sums = Kernels.best.sums(values, of: dtype)
    count = sums.count
    zeros = sums.zeros
    negativeZeros = sums.negativeZeros
    nans = sums.nans
    positiveInfinities = sums.positiveInfinities
    negativeInfinities = sums.negativeInfinities
    if finiteCount > 0 {
      (minimum, maximum, largestMagnitude) = (sums.minimum, sums.maximum, sums.largestMagnitude)
    }
    sum = sums.sum
    magnitudeSum = sums.magnitudeSum
    squareSum = sums.squareSum
    if let mean {
      centralSquareSum = Kernels.best.centralSquares(values, of: dtype, around: mean)
    }
  }

  /// Adds the moments of the values that follow. The order affects the last bits of the sums.
  package mutating func merge(_ next: Moments) {
    func choose(_ a: Double?, _ b: Double?, _ pick: (Double, Double) -> Double) -> Double? {
      guard let a, let b else { return a ?? b }
      return pick(a, b)
    }
    if let mean, let nextMean = next.mean {
      let (here, there) = (Double(finiteCount), Double(next.finiteCount))
      let distance = nextMean - mean
      centralSquareSum += distance * distance * (here * there / (here + there))
    }
    centralSquareSum += next.centralSquareSum
    count += next.count
    zeros += next.zeros
    negativeZeros += next.negativeZeros
    nans += next.nans
    positiveInfinities += next.positiveInfinities
    negativeInfinities += next.negativeInfinities
    minimum = choose(minimum, next.minimum, min)
    maximum = choose(maximum, next.maximum, max)
    largestMagnitude = choose(largestMagnitude, next.largestMagnitude, max)
    sum += next.sum
    magnitudeSum += next.magnitudeSum
    squareSum += next.squareSum
  }
}
