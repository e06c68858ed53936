import Base
import CKernels

/// Counts, extremes and power sums of floats.
extension Kernels {
  /// The dtypes for which kernels compute sums.
  package enum SummedDType: Sendable { case f32, f64 }

  /// Counts of all values, and extremes and sums of the finite ones.
  package struct ValueSums: Sendable, Equatable {
    package let count: Int
    /// The number of zeros of either sign.
    package let zeros: Int
    package let negativeZeros: Int
    package let nans: Int
    package let positiveInfinities: Int
    package let negativeInfinities: Int
    /// The smallest finite value, with zero as +0; +infinity without finite values.
    package let minimum: Double
    /// The largest finite value, with zero as +0; -infinity without finite values.
    package let maximum: Double
    /// The largest finite magnitude; 0 without finite values.
    package let largestMagnitude: Double
    package let sum: Double
    package let magnitudeSum: Double
    package let squareSum: Double

    fileprivate init(_ moments: sumac_moments) {
      count = Int(moments.count)
      zeros = Int(moments.zeros)
      negativeZeros = Int(moments.negative_zeros)
      nans = Int(moments.nans)
      positiveInfinities = Int(moments.positive_infinities)
      negativeInfinities = Int(moments.negative_infinities)
      minimum = moments.min
      maximum = moments.max
      largestMagnitude = moments.max_abs
      sum = moments.sum
      magnitudeSum = moments.sum_abs
      squareSum = moments.sum_squares
    }
  }

  /// Counts and sums of `source`.
  package func sums(_ source: borrowing RawSpan, of dtype: SummedDType) -> ValueSums {
    var moments = sumac_moments()
    unsafe sumac_moments_init(&moments)
    // SAFETY: the loops read as many whole elements as the region holds.
    unsafe source.withUnsafeBytes { source in
      switch dtype {
      case .f32: unsafe table.pointee.moments_f32(source.baseAddress, source.count / 4, &moments)
      case .f64: unsafe table.pointee.moments_f64(source.baseAddress, source.count / 8, &moments)
      }
    }
    return ValueSums(moments)
  }

  /// The sum of squared distances from `mean` of the finite values of `source`.
  package func centralSquares(
    _ source: borrowing RawSpan, of dtype: SummedDType, around mean: Double
  ) -> Double {
    // SAFETY: the loops read as many whole elements as the region holds.
    unsafe source.withUnsafeBytes { source in
      let base = source.baseAddress
      return switch dtype {
      case .f32: unsafe table.pointee.central_squares_f32(base, source.count / 4, mean)
      case .f64: unsafe table.pointee.central_squares_f64(base, source.count / 8, mean)
      }
    }
  }

  /// The sum of |x|ᵖ over the finite F32 values.
  package func powerSum(_ values: borrowing RawSpan, p: Double) -> Double {
    precondition(p > 0)
    // SAFETY: the loop reads as many whole values as the region holds.
    return unsafe values.withUnsafeBytes {
      unsafe table.pointee.power_sum($0.baseAddress, $0.count / 4, p)
    }
  }
}
