import Base
import CKernels

/// Kernels for statistics and pruning of F32 values.
extension Kernels {
  /// Makes a NaN of each F32 value whose bit is not set.
  @_lifetime(values: copy values)
  package func exclude(unmasked mask: borrowing RawSpan, from values: inout MutableRawSpan) {
    exclude(mask, marked: false, from: &values)
  }

  /// Sets each F32 value whose bit is set to NaN.
  @_lifetime(values: copy values)
  package func exclude(masked mask: borrowing RawSpan, from values: inout MutableRawSpan) {
    exclude(mask, marked: true, from: &values)
  }

  @_lifetime(values: copy values)
  private func exclude(
    _ mask: borrowing RawSpan, marked: Bool, from values: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: count))
    // SAFETY: the loop changes `count` values and reads one bit for each.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe mask.withUnsafeBytes { mask in
        unsafe table.pointee.exclude(
          values.baseAddress, count, mask.baseAddress, marked ? 1 : 0)
      }
    }
  }

  /// Sets each element whose bit is not set to 0.
  @_lifetime(values: copy values)
  package func clear(
    unmasked mask: borrowing RawSpan, width: Int, in values: inout MutableRawSpan
  ) {
    precondition([1, 2, 4, 8].contains(width))
    let count = values.byteCount / width
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: count))
    // SAFETY: the loop changes `count` elements and reads one bit for each.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe mask.withUnsafeBytes { mask in
        unsafe table.pointee.clear_unmasked(values.baseAddress, width, count, mask.baseAddress)
      }
    }
  }

  /// The size in bytes of the counters of `surveyHistogram`.
  package static var surveyCounterByteCount: Int { 8 << 16 }

  /// The position of the lowest bit of the number of values in a counter; the bits below are the sum of lower bits.
  package static var surveyCountShift: UInt64 { 36 }

  /// Adds to 64-bit counters, one for each value of the upper 16 bits of magnitudes, the number of magnitudes and the
  /// sum of their lower 15 bits. The counters must be cleared after at most 2²¹ values.
  @_lifetime(counters: copy counters)
  package func surveyHistogram(_ values: borrowing RawSpan, into counters: inout MutableRawSpan) {
    precondition(counters.byteCount >= Self.surveyCounterByteCount)
    // SAFETY: 16 bits are a valid index into the table, and the workspaces that contain it are aligned.
    unsafe values.withUnsafeBytes { values in
      unsafe counters.withUnsafeMutableBytes { counters in
        unsafe table.pointee.survey_histogram(
          values.baseAddress, values.count / 4,
          counters.baseAddress!.assumingMemoryBound(to: UInt64.self))
      }
    }
  }

  /// The entry of `slots` for upper bits without a slot.
  package static var noSlot: UInt8 { 255 }

  /// Writes slot · 2¹⁵ + the lower 15 bits of each magnitude whose upper bits have a slot, in order.
  /// - Returns: The number of words written, and for each of the bounds `above` the sum of the squares of the values
  ///   whose upper bits exceed it.
  @_lifetime(found: copy found)
  package func collect(
    _ values: borrowing RawSpan, slots: [UInt8], above: (Int, Int), into found: inout MutableRawSpan
  ) -> (count: Int, squares: (Double, Double)) {
    precondition(slots.count == 1 << 16)
    // The loop writes a word for every value and keeps it only if the value has a slot.
    precondition(found.byteCount >= values.byteCount + 4)
    var squares = [0.0, 0.0]
    let bounds = [UInt32(above.0), UInt32(above.1)]
    // SAFETY: both preconditions, and two bounds and two sums.
    let count = unsafe values.withUnsafeBytes { values in
      unsafe found.withUnsafeMutableBytes { found in
        Int(
          unsafe table.pointee.collect_slots(
            values.baseAddress, values.count / 4, slots, bounds, found.baseAddress, &squares))
      }
    }
    return (count, (squares[0], squares[1]))
  }

  /// Returns the number of F32 values with the given magnitude, and the number with a larger one.
  package func count(
    ofMagnitude magnitude: UInt32, in values: borrowing RawSpan
  ) -> (equal: Int, above: Int) {
    var counts: [UInt64] = [0, 0]
    // SAFETY: the loop reads the whole values of the region and writes two counts.
    unsafe values.withUnsafeBytes {
      unsafe table.pointee.count_magnitude($0.baseAddress, $0.count / 4, magnitude, &counts)
    }
    return (Int(counts[0]), Int(counts[1]))
  }

  /// Writes a word for each value whose magnitude has these upper 16 bits, in order: its lower 15 bits times 2³² plus
  /// its index. Returns the number of words.
  @_lifetime(found: copy found)
  package func collectIndexes(
    ofUpper upper: Int, in values: borrowing RawSpan, into found: inout MutableRawSpan
  ) -> Int {
    let count = values.byteCount / 4
    precondition(count < 1 << 32 && found.byteCount >= 8 * count)
    // SAFETY: the loop reads `count` values and writes at most `count` words.
    return unsafe values.withUnsafeBytes { values in
      unsafe found.withUnsafeMutableBytes { found in
        Int(
          unsafe table.pointee.collect_indexes(
            values.baseAddress, count, UInt32(upper), found.baseAddress))
      }
    }
  }

  /// Returns the magnitude, as bits of F32, with the given rank in ascending order, starting at 0.
  @_lifetime(scratch: copy scratch)
  package func magnitude(
    ofRank rank: Int, in values: borrowing RawSpan, scratch: inout MutableRawSpan
  ) -> UInt32 {
    let count = values.byteCount / 4
    precondition(rank >= 0 && rank < count && scratch.byteCount >= 4 * count)
    // SAFETY: the preconditions cover everything that the loops read and write.
    return unsafe values.withUnsafeBytes { values in
      unsafe scratch.withUnsafeMutableBytes { scratch in
        unsafe table.pointee.select_rank(values.baseAddress, count, rank, scratch.baseAddress)
      }
    }
  }

  /// Raises the peak of each column, stored as bits of F32, to the largest finite magnitude of the column.
  @_lifetime(peaks: copy peaks)
  package func columnPeaks(
    _ values: borrowing RawSpan, columns: Int, into peaks: inout MutableRawSpan
  ) {
    precondition(columns > 0 && peaks.byteCount >= 4 * columns)
    // SAFETY: the loop reads whole rows and writes one peak per column.
    unsafe peaks.withUnsafeMutableBytes { peaks in
      unsafe values.withUnsafeBytes { values in
        unsafe table.pointee.column_peaks(
          values.baseAddress, values.count / 4 / columns, columns, peaks.baseAddress)
      }
    }
  }
}

extension RawSpan {
  /// Returns the index of the `occurrence`-th F32 value with the given magnitude, counted from 1.
  package func index(ofMagnitude magnitude: UInt32, occurrence: Int) -> Int? {
    var rest = occurrence
    for index in 0..<byteCount / 4
    where littleEndian(UInt32.self, at: 4 * index)! & 0x7FFF_FFFF == magnitude {
      rest -= 1
      if rest == 0 { return index }
    }
    return nil
  }
}
