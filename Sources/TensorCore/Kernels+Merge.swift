import Base
import CKernels

/// Kernels for merging blocks of F32 values.
extension Kernels {
  /// Returns the index of the first NaN, or nil.
  package func firstNaN(_ values: borrowing RawSpan) -> Int? {
    let count = values.byteCount / 4
    // SAFETY: the loop reads `count` values; the same holds below for the counts that are checked.
    let index = unsafe values.withUnsafeBytes {
      unsafe table.pointee.first_nan($0.baseAddress, count)
    }
    return index < count ? Int(index) : nil
  }

  /// Computes values −= others.
  @_lifetime(values: copy values)
  package func subtract(_ others: borrowing RawSpan, from values: inout MutableRawSpan) {
    let count = values.byteCount / 4
    precondition(others.byteCount == values.byteCount)
    unsafe values.withUnsafeMutableBytes { values in
      unsafe others.withUnsafeBytes { others in
        unsafe table.pointee.subtract(
          values.baseAddress, others.baseAddress, count, values.baseAddress)
      }
    }
  }

  /// Computes differences = values − others.
  @_lifetime(differences: copy differences)
  package func subtract(
    _ others: borrowing RawSpan, from values: borrowing RawSpan,
    into differences: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    precondition(
      others.byteCount == values.byteCount && differences.byteCount >= values.byteCount)
    unsafe differences.withUnsafeMutableBytes { differences in
      unsafe values.withUnsafeBytes { values in
        unsafe others.withUnsafeBytes { others in
          unsafe table.pointee.subtract(
            values.baseAddress, others.baseAddress, count, differences.baseAddress)
        }
      }
    }
  }

  /// Computes sums = weight · values if `isFirst` is true, otherwise sums += weight · values.
  @_lifetime(sums: copy sums)
  package func add(
    _ values: borrowing RawSpan, times weight: Float, isFirst: Bool = false,
    to sums: inout MutableRawSpan
  ) {
    let count = sums.byteCount / 4
    precondition(values.byteCount == sums.byteCount)
    unsafe sums.withUnsafeMutableBytes { sums in
      unsafe values.withUnsafeBytes { values in
        unsafe table.pointee.add_scaled(
          sums.baseAddress, values.baseAddress, count, weight, isFirst ? 1 : 0)
      }
    }
  }

  /// Computes values ·= factor.
  @_lifetime(values: copy values)
  package func multiply(
    _ values: inout MutableRawSpan, of dtype: SummedDType, by factor: Float
  ) {
    guard factor != 1 else { return }
    let count = values.byteCount / dtype.byteCount
    unsafe values.withUnsafeMutableBytes {
      unsafe table.pointee.scale_values(
        $0.baseAddress, Int32(dtype.dtype.rawValue), count, factor)
    }
  }

  /// Computes values /= divisor.
  @_lifetime(values: copy values)
  package func divide(_ values: inout MutableRawSpan, by divisor: Float) {
    let count = values.byteCount / 4
    unsafe values.withUnsafeMutableBytes {
      unsafe table.pointee.divide($0.baseAddress, count, divisor)
    }
  }

  /// Sets each value to 0 whose magnitude, as bits of F32, is not between `low` and `high`.
  /// - Parameters:
  ///   - lowEnd: The end of the indexes at which values that equal `low` are kept.
  ///   - highEnd: The end of the indexes at which values that equal `high` are kept.
  @_lifetime(values: copy values)
  package func keep(
    _ values: inout MutableRawSpan, low: UInt32, lowEnd: Int, high: UInt32, highEnd: Int
  ) {
    precondition(low < .max && high < .max && lowEnd >= 0 && highEnd >= 0)
    let count = values.byteCount / 4
    unsafe values.withUnsafeMutableBytes {
      unsafe table.pointee.keep_range($0.baseAddress, count, low, lowEnd, high, highEnd)
    }
  }

  /// Fills `values` with the uniform numbers of consecutive elements, the first of which has flat index `start`.
  @_lifetime(values: copy values)
  package func uniforms(
    key: UInt64, start: Int, stream: UInt64 = 0, into values: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    unsafe values.withUnsafeMutableBytes {
      unsafe table.pointee.uniforms(key, UInt64(start), stream, count, $0.baseAddress)
    }
  }

  /// Sets each value to 0 whose uniform number is not less than `share`.
  @_lifetime(values: copy values)
  package func keepRandomly(
    _ values: inout MutableRawSpan, share: Double, key: UInt64, start: Int, stream: UInt64
  ) {
    let bound = UInt32((min(max(share, 0), 1) * 0x1p24).rounded(.up))  // fits: at most 2^24
    let count = values.byteCount / 4
    unsafe values.withUnsafeMutableBytes {
      unsafe table.pointee.keep_random(
        $0.baseAddress, count, key, UInt64(start), stream, bound)
    }
  }

  /// Returns the number of bytes that `keepByRank` needs as scratch memory.
  package static func rankScratchByteCount(columns: Int) -> Int { 16 * columns }

  /// Sets each value to 0 with a probability that depends on its rank in its row.
  /// - Parameter chances: The probabilities of keeping the smallest and the largest magnitude of a row. They increase
  ///   in equal steps between the two.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func keepByRank(
    _ values: inout MutableRawSpan, columns: Int, chances: ClosedRange<Double>, key: UInt64,
    start: Int, stream: UInt64, scratch: inout MutableRawSpan
  ) {
    precondition(columns > 0 && columns <= UInt32.max)
    precondition(scratch.byteCount >= Self.rankScratchByteCount(columns: columns))
    let rows = values.byteCount / 4 / columns
    // SAFETY: only whole rows are changed, and the size of the scratch memory was checked.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe scratch.withUnsafeMutableBytes { scratch in
        unsafe table.pointee.keep_ranked(
          values.baseAddress, rows, columns, chances.lowerBound, chances.upperBound, key,
          UInt64(start), stream, scratch.baseAddress)
      }
    }
  }

  /// The parameters of the sum of task vectors that is added to a base.
  package struct TaskVectorSum: Sendable, Equatable {
    /// The factor of each vector, applied before its weight.
    package var factors: [Float]
    package var weights: [Float]
    /// True if only values with the sign of the sum count.
    package var elects: Bool
    /// True if the sum is divided by the sum of the weights that count.
    package var normalizes: Bool
    package var lambda: Float

    package init(
      factors: [Float], weights: [Float], elects: Bool, normalizes: Bool, lambda: Float
    ) {
      precondition(factors.count == weights.count)
      self.factors = factors
      self.weights = weights
      self.elects = elects
      self.normalizes = normalizes
      self.lambda = lambda
    }
  }

  /// Adds the differences of all vectors, which are stored one after the other, to `base`.
  @_lifetime(base: copy base)
  package func add(
    _ deltas: borrowing RawSpan, _ sum: TaskVectorSum, to base: inout MutableRawSpan
  ) {
    let count = base.byteCount / 4
    precondition(deltas.byteCount >= base.byteCount * sum.weights.count)
    // SAFETY: each vector has as many values as the base.
    unsafe base.withUnsafeMutableBytes { base in
      unsafe deltas.withUnsafeBytes { deltas in
        unsafe table.pointee.add_task_vectors(
          base.baseAddress, deltas.baseAddress, count, sum.factors, sum.weights,
          sum.weights.count, count, sum.elects ? 1 : 0, sum.normalizes ? 1 : 0, sum.lambda)
      }
    }
  }
}
