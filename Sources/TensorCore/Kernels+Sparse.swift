import Base
import CKernels

/// Kernels for masks, which have one bit per element, and for the packed values at the marked positions.
extension Kernels {
  /// Returns the size of a mask in bytes.
  package static func maskByteCount(elementCount: Int) -> Int { (elementCount + 7) / 8 }

  /// Sets the bit of each element that has a nonzero bit. Returns the number of bits set.
  @_lifetime(mask: copy mask)
  package func nonzeroMask(
    _ values: borrowing RawSpan, width: Int, into mask: inout MutableRawSpan
  ) -> Int {
    let count = values.byteCount / width
    precondition([1, 2, 4, 8].contains(width))
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: count))
    // SAFETY: the loop reads `count` elements and writes a bit for each.
    return unsafe mask.withUnsafeMutableBytes { mask in
      unsafe values.withUnsafeBytes { values in
        Int(
          unsafe table.pointee.nonzero_mask(values.baseAddress, width, count, mask.baseAddress))
      }
    }
  }

  /// Sets the bits of the elements of `width` bytes that differ, and returns their number. Overwrites `values`.
  @_lifetime(values: copy values)
  @_lifetime(mask: copy mask)
  package func differenceMask(
    _ values: inout MutableRawSpan, _ others: borrowing RawSpan, width: Int,
    into mask: inout MutableRawSpan
  ) -> Int {
    precondition(values.byteCount == others.byteCount)
    let count = values.byteCount
    // SAFETY: both regions have `count` bytes.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe others.withUnsafeBytes { others in
        unsafe table.pointee.exclusive_or(values.baseAddress, others.baseAddress, count)
      }
    }
    return nonzeroMask(values.bytes, width: width, into: &mask)
  }

  /// Returns the number of bits that are set in a mask.
  package func count(ofMask mask: borrowing RawSpan, elementCount: Int) -> Int {
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: elementCount))
    // SAFETY: the loop reads one bit for each element.
    return unsafe mask.withUnsafeBytes {
      Int(unsafe table.pointee.mask_count($0.baseAddress, elementCount))
    }
  }

  /// Returns the number of bits that are set in a range.
  package func count(ofMask mask: borrowing RawSpan, bits: Range<Int>) -> Int {
    precondition(bits.lowerBound >= 0 && mask.byteCount >= (bits.upperBound + 7) / 8)
    let whole = min(bits.upperBound, (bits.lowerBound + 7) / 8 * 8)
    var count = 0
    if whole > bits.lowerBound {
      let byte = mask.littleEndian(UInt8.self, at: bits.lowerBound / 8)! >> (bits.lowerBound % 8)
      count = (byte & ((1 << (whole - bits.lowerBound)) - 1)).nonzeroBitCount
    }
    if bits.upperBound > whole {
      count += self.count(
        ofMask: mask.extracting(whole / 8..<(bits.upperBound + 7) / 8),
        elementCount: bits.upperBound - whole)
    }
    return count
  }

  /// Copies the elements whose bits are set to the start of `packed`, which must be large enough.
  @_lifetime(packed: copy packed)
  package func gather(
    _ values: borrowing RawSpan, width: Int, mask: borrowing RawSpan,
    into packed: inout MutableRawSpan
  ) {
    let count = values.byteCount / width
    precondition([1, 2, 4, 8].contains(width))
    precondition(self.count(ofMask: mask, elementCount: count) * width <= packed.byteCount)
    // SAFETY: the number of elements written is the number of bits set, which was checked.
    unsafe packed.withUnsafeMutableBytes { packed in
      unsafe values.withUnsafeBytes { values in
        unsafe mask.withUnsafeBytes { mask in
          unsafe table.pointee.gather(
            values.baseAddress, width, count, mask.baseAddress, packed.baseAddress)
        }
      }
    }
  }

  /// Copies packed elements to the positions of the mask and sets all other elements to zero.
  @_lifetime(values: copy values)
  package func scatter(
    _ packed: borrowing RawSpan, width: Int, mask: borrowing RawSpan,
    into values: inout MutableRawSpan
  ) {
    let count = values.byteCount / width
    precondition([1, 2, 4, 8].contains(width))
    precondition(self.count(ofMask: mask, elementCount: count) * width <= packed.byteCount)
    // SAFETY: the number of elements read is the number of bits set.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe packed.withUnsafeBytes { packed in
        unsafe mask.withUnsafeBytes { mask in
          unsafe table.pointee.scatter(
            packed.baseAddress, width, count, mask.baseAddress, values.baseAddress)
        }
      }
    }
  }

  /// Replaces the elements at the positions of the mask with packed elements.
  @_lifetime(values: copy values)
  package func replace(
    _ packed: borrowing RawSpan, width: Int, mask: borrowing RawSpan,
    in values: inout MutableRawSpan
  ) {
    let count = values.byteCount / width
    precondition([1, 2, 4, 8].contains(width))
    precondition(self.count(ofMask: mask, elementCount: count) * width <= packed.byteCount)
    // SAFETY: the number of elements read is the number of bits set.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe packed.withUnsafeBytes { packed in
        unsafe mask.withUnsafeBytes { mask in
          unsafe table.pointee.replace_masked(
            packed.baseAddress, width, count, mask.baseAddress, values.baseAddress)
        }
      }
    }
  }

  /// Adds packed F32 or F64 values to the elements at the positions of the mask.
  @_lifetime(values: copy values)
  package func add(
    _ packed: borrowing RawSpan, of dtype: SummedDType, mask: borrowing RawSpan,
    to values: inout MutableRawSpan
  ) {
    let width = dtype.byteCount
    let count = values.byteCount / width
    precondition(self.count(ofMask: mask, elementCount: count) * width <= packed.byteCount)
    // SAFETY: the number of elements read is the number of bits set.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe packed.withUnsafeBytes { packed in
        unsafe mask.withUnsafeBytes { mask in
          unsafe table.pointee.add_masked(
            packed.baseAddress, Int32(dtype.dtype.rawValue), count, mask.baseAddress,
            values.baseAddress)
        }
      }
    }
  }

  /// Returns the maximum size in bytes of the gaps of `positionCount` positions among `elementCount` elements.
  package static func maximumGapByteCount(positionCount: Int, elementCount: Int) -> Int {
    positionCount + elementCount / 255
  }

  /// Writes the gaps of a mask and returns their size in bytes.
  @_lifetime(gaps: copy gaps)
  package func encodeGaps(
    ofMask mask: borrowing RawSpan, elementCount: Int, into gaps: inout MutableRawSpan
  ) -> Int {
    let positionCount = count(ofMask: mask, elementCount: elementCount)
    precondition(
      gaps.byteCount
        >= Self.maximumGapByteCount(positionCount: positionCount, elementCount: elementCount))
    // SAFETY: the precondition covers the maximum that the loop writes.
    return unsafe gaps.withUnsafeMutableBytes { gaps in
      unsafe mask.withUnsafeBytes { mask in
        Int(unsafe table.pointee.gap8_encode(mask.baseAddress, elementCount, gaps.baseAddress))
      }
    }
  }

  /// Writes the mask that gaps describe. Returns false if they do not give exactly `positionCount` positions.
  @_lifetime(mask: copy mask)
  package func decodeGaps(
    _ gaps: borrowing RawSpan, positionCount: Int, elementCount: Int,
    intoMask mask: inout MutableRawSpan
  ) -> Bool {
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: elementCount))
    // SAFETY: the loop checks each position before it sets the bit.
    return unsafe mask.withUnsafeMutableBytes { mask in
      unsafe gaps.withUnsafeBytes { gaps in
        unsafe table.pointee.gap8_mask(
          gaps.baseAddress, gaps.count, positionCount, elementCount, mask.baseAddress) != 0
      }
    }
  }

  /// Copies packed elements to the positions that gaps describe and sets all other elements to zero. Returns false if
  /// the gaps do not give exactly as many positions as there are packed elements.
  @_lifetime(values: copy values)
  package func scatter(
    _ packed: borrowing RawSpan, width: Int, gaps: borrowing RawSpan,
    into values: inout MutableRawSpan
  ) -> Bool {
    precondition([1, 2, 4, 8].contains(width))
    let positionCount = packed.byteCount / width
    let count = values.byteCount / width
    // SAFETY: the loop checks each position, and reads at most `positionCount` values.
    return unsafe values.withUnsafeMutableBytes { values in
      unsafe packed.withUnsafeBytes { packed in
        unsafe gaps.withUnsafeBytes { gaps in
          unsafe table.pointee.gap8_scatter(
            gaps.baseAddress, gaps.count, packed.baseAddress, positionCount, width, count,
            values.baseAddress) != 0
        }
      }
    }
  }
}

/// Kernels that find the largest magnitudes of F32 values.
extension Kernels {
  /// The bits of a magnitude that a histogram counts.
  package enum MagnitudeDigits: Hashable, Sendable {
    /// The upper 16 bits of each magnitude.
    case upper
    /// The lower 15 bits of the magnitudes with the given upper bits.
    case lower(upper: Int)

    package var counterCount: Int {
      switch self {
      case .upper: 1 << 16
      case .lower: 1 << 15
      }
    }
  }

  /// Adds the number of occurrences of each value of the digits to `counters`.
  package func countMagnitudes(
    _ values: borrowing RawSpan, digits: MagnitudeDigits, into counters: inout [UInt64]
  ) {
    precondition(counters.count == digits.counterCount)
    let (level, prefix): (Int32, UInt32) =
      switch digits {
      case .upper: (0, 0)
      case .lower(let upper): (1, UInt32(upper))
      }
    // SAFETY: the digits are valid indexes into the counters, whose number was checked.
    unsafe values.withUnsafeBytes { values in
      unsafe table.pointee.magnitude_histogram(
        values.baseAddress, values.count / 4, level, prefix, &counters)
    }
  }

  /// Adds the number of occurrences of each value of the digits to counters, given as 64-bit integers in memory.
  @_lifetime(counters: copy counters)
  package func countMagnitudes(
    _ values: borrowing RawSpan, digits: MagnitudeDigits, into counters: inout MutableRawSpan
  ) {
    precondition(counters.byteCount >= 8 * digits.counterCount)
    let (level, prefix): (Int32, UInt32) =
      switch digits {
      case .upper: (0, 0)
      case .lower(let upper): (1, UInt32(upper))
      }
    // SAFETY: the digits are valid indexes into the counters, and the workspaces that contain them are aligned.
    unsafe values.withUnsafeBytes { values in
      unsafe counters.withUnsafeMutableBytes { counters in
        unsafe table.pointee.magnitude_histogram(
          values.baseAddress, values.count / 4, level, prefix,
          counters.baseAddress!.assumingMemoryBound(to: UInt64.self))
      }
    }
  }

  /// Marks all values whose magnitude, as bits of F32, is greater than `threshold`, and the first `ties` that equal it.
  /// Returns the number of values marked.
  @_lifetime(mask: copy mask)
  package func markLargest(
    _ values: borrowing RawSpan, threshold: UInt32, ties: Int, into mask: inout MutableRawSpan
  ) -> Int {
    let count = values.byteCount / 4
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: count))
    // SAFETY: the loop reads `count` elements and writes one bit for each.
    return unsafe mask.withUnsafeMutableBytes { mask in
      unsafe values.withUnsafeBytes { values in
        Int(
          unsafe table.pointee.largest_mask(
            values.baseAddress, count, threshold, UInt64(ties), mask.baseAddress))
      }
    }
  }
}

extension Kernels.SummedDType {
  package var byteCount: Int {
    switch self {
    case .f32: 4
    case .f64: 8
    }
  }

  package var dtype: DType {
    switch self {
    case .f32: .f32
    case .f64: .f64
    }
  }
}
