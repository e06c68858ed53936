import Base
import CKernels

/// Kernels for the outliers and ranges of key and value caches.
extension Kernels {
  /// Returns the number of bytes that `markExtremes` needs as scratch memory.
  package static func extremesScratchByteCount(
    rows: Int, columns: Int, alongColumns: Bool
  ) -> Int {
    4 * (alongColumns ? 19 * rows + 275 : 4 * columns + 19)
  }

  /// Sets the bits of the `count` smallest and the `count` largest of finite F32 values in each row or column. Among
  /// equal values, the first are marked.
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  package func markExtremes(
    _ count: Int, of values: borrowing RawSpan, rows: Int, columns: Int, alongColumns: Bool,
    in mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    precondition(count >= 0 && values.byteCount >= 4 * rows * columns)
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: rows * columns))
    precondition(
      scratch.byteCount
        >= Self.extremesScratchByteCount(
          rows: rows, columns: columns, alongColumns: alongColumns))
    // SAFETY: the preconditions cover everything that the loops read and write; the same holds below.
    unsafe mask.withUnsafeMutableBytes { mask in
      unsafe scratch.withUnsafeMutableBytes { scratch in
        unsafe values.withUnsafeBytes { values in
          unsafe table.pointee.mark_extremes(
            values.baseAddress, rows, columns, alongColumns ? 1 : 0, count, mask.baseAddress,
            scratch.baseAddress)
        }
      }
    }
  }

  /// Writes the minimum values and then the maximum values of the cells. NaNs are ignored; cells of only NaNs have 0.
  @_lifetime(ranges: copy ranges)
  package func keptRanges(
    _ values: borrowing RawSpan, _ grouping: Grouping, into ranges: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    let cells = grouping.cellCount(elementCount: count)
    precondition(ranges.byteCount >= 8 * cells)
    var geometry = grouping.forKernels
    unsafe ranges.withUnsafeMutableBytes { ranges in
      unsafe values.withUnsafeBytes { values in
        unsafe table.pointee.kept_ranges(
          values.baseAddress, count, &geometry, ranges.baseAddress,
          ranges.baseAddress.map { unsafe $0 + 4 * cells })
      }
    }
  }

  /// Writes the scales and then the zero points, rounded to `dtype` and stored as F32, with which codes 0 to `steps`
  /// cover each range.
  @_lifetime(pairs: copy pairs)
  package func rangePairs(
    _ ranges: borrowing RawSpan, steps: Int, dtype: DType, into pairs: inout MutableRawSpan
  ) {
    let cells = ranges.byteCount / 8
    precondition(pairs.byteCount >= 8 * cells && (dtype == .f16 || dtype == .f32))
    unsafe pairs.withUnsafeMutableBytes { pairs in
      unsafe ranges.withUnsafeBytes { ranges in
        unsafe table.pointee.range_pairs(
          ranges.baseAddress, ranges.baseAddress.map { unsafe $0 + 4 * cells }, cells,
          Float(steps), Int32(dtype.rawValue), pairs.baseAddress,
          pairs.baseAddress.map { unsafe $0 + 4 * cells })
      }
    }
  }
}
