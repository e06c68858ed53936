import Base
import CKernels

/// What merging makes of blocks of F32 values.
extension Kernels {
  /// The place of the first NaN.
  package func firstNaN(_ values: borrowing RawSpan) -> Int? {
    let count = values.byteCount / 4
    // SAFETY: the loop reads `count` values; so below, for the counts that are checked.
    let place = unsafe values.withUnsafeBytes {
      unsafe table.pointee.first_nan($0.baseAddress, count)
    }
    return place < count ? Int(place) : nil
  }

  /// values −= others.
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

  /// differences = values - others.
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

  /// sums = weight · values if `isFirst`, else sums += weight · values.
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

  /// values ·= factor.
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

  @_lifetime(values: copy values)
  package func divide(_ values: inout MutableRawSpan, by divisor: Float) {
    let count = values.byteCount / 4
    unsafe values.withUnsafeMutableBytes {
      unsafe table.pointee.divide($0.baseAddress, count, divisor)
    }
  }

  /// Makes 0 of each value whose magnitude, as bits, does not lie between two.
  /// - Parameter lowEnd: those that equal `low` stay in the places before it; so for `high`.
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

  /// Fills `values` with the uniforms of consecutive elements.
  @_lifetime(values: copy values)
  package func uniforms(
    key: UInt64, start: Int, stream: UInt64 = 0, into values: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    unsafe values.withUnsafeMutableBytes {
      unsafe table.pointee.uniforms(key, UInt64(start), stream, count, $0.baseAddress)
    }
  }

  /// Makes 0 of each value whose uniform is not below `share`.
  @_lifetime(values: copy values)
  package func keepRandomly(
    _ values: inout MutableRawSpan, share: Double, key: UInt64, start: Int, stream: UInt64
  ) {
    let bound = UInt32((min(max(share, 0), 1) * 0x1p24).rounded(.up))
    let count = values.byteCount / 4
    unsafe values.withUnsafeMutableBytes {
      unsafe table.pointee.keep_random(
        $0.baseAddress, count, key, UInt64(start), stream, bound)
    }
  }

  package static func rankScratchByteCount(columns: Int) -> Int { 16 * columns }

  /// Makes 0 of each value by a chance that grows with its rank in its row.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func keepByRank(
    _ values: inout MutableRawSpan, columns: Int, chances: ClosedRange<Double>, key: UInt64,
    start: Int, stream: UInt64, scratch: inout MutableRawSpan
  ) {
    precondition(columns > 0 && columns <= UInt32.max)
    precondition(scratch.byteCount >= Self.rankScratchByteCount(columns: columns))
    let rows = values.byteCount / 4 / columns
    // SAFETY: whole rows are changed; the scratch memory was checked.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe scratch.withUnsafeMutableBytes { scratch in
        unsafe table.pointee.keep_ranked(
          values.baseAddress, rows, columns, chances.lowerBound, chances.upperBound, key,
          UInt64(start), stream, scratch.baseAddress)
      }
    }
  }

  /// How task vectors are added to a base.
  package struct TaskVectorSum: Sendable, Equatable {
    /// For each vector, before its weight.
    package var factors: [Float]
    package var weights: [Float]
    /// Whether only what has the sign of the sum counts.
    package var elects: Bool
    /// Whether the sum is divided by the weights that count.
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

  /// Adds the differences of all vectors, one behind the other, to `base`.
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
