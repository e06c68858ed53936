import Base
import CKernels

/// Masks, a bit an element, and the values at their places one behind the other.
extension Kernels {
  package static func maskByteCount(elementCount: Int) -> Int { (elementCount + 7) / 8 }

  /// Sets the bit of each element that is not all zero bits; returns how many there are.
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

  /// Sets the bits of the elements of `width` bytes that differ; uses `values` up.
  @_lifetime(values: copy values)
  @_lifetime(mask: copy mask)
  package func differenceMask(
    _ values: inout MutableRawSpan, _ others: borrowing RawSpan, width: Int,
    into mask: inout MutableRawSpan
  ) -> Int {
    precondition(values.byteCount == others.byteCount)
    let count = values.byteCount
    // SAFETY: both regions hold `count` bytes.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe others.withUnsafeBytes { others in
        unsafe table.pointee.exclusive_or(values.baseAddress, others.baseAddress, count)
      }
    }
    return nonzeroMask(values.bytes, width: width, into: &mask)
  }

  package func count(ofMask mask: borrowing RawSpan, elementCount: Int) -> Int {
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: elementCount))
    // SAFETY: the loop reads a bit for each element.
    return unsafe mask.withUnsafeBytes {
      Int(unsafe table.pointee.mask_count($0.baseAddress, elementCount))
    }
  }

  /// How many bits of a range are set.
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

  /// The elements whose bits are set, to the start of `packed`, which has room for them.
  @_lifetime(packed: copy packed)
  package func gather(
    _ values: borrowing RawSpan, width: Int, mask: borrowing RawSpan,
    into packed: inout MutableRawSpan
  ) {
    let count = values.byteCount / width
    precondition([1, 2, 4, 8].contains(width))
    precondition(self.count(ofMask: mask, elementCount: count) * width <= packed.byteCount)
    // SAFETY: as many elements are written as bits are set, which were counted.
    unsafe packed.withUnsafeMutableBytes { packed in
      unsafe values.withUnsafeBytes { values in
        unsafe mask.withUnsafeBytes { mask in
          unsafe table.pointee.gather(
            values.baseAddress, width, count, mask.baseAddress, packed.baseAddress)
        }
      }
    }
  }

  /// Packed elements to the places of the mask and zero to all others.
  @_lifetime(values: copy values)
  package func scatter(
    _ packed: borrowing RawSpan, width: Int, mask: borrowing RawSpan,
    into values: inout MutableRawSpan
  ) {
    let count = values.byteCount / width
    precondition([1, 2, 4, 8].contains(width))
    precondition(self.count(ofMask: mask, elementCount: count) * width <= packed.byteCount)
    // SAFETY: as many elements are read as bits are set.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe packed.withUnsafeBytes { packed in
        unsafe mask.withUnsafeBytes { mask in
          unsafe table.pointee.scatter(
            packed.baseAddress, width, count, mask.baseAddress, values.baseAddress)
        }
      }
    }
  }

  /// Packed elements in place of those of the mask.
  @_lifetime(values: copy values)
  package func replace(
    _ packed: borrowing RawSpan, width: Int, mask: borrowing RawSpan,
    in values: inout MutableRawSpan
  ) {
    let count = values.byteCount / width
    precondition([1, 2, 4, 8].contains(width))
    precondition(self.count(ofMask: mask, elementCount: count) * width <= packed.byteCount)
    // SAFETY: as many elements are read as bits are set.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe packed.withUnsafeBytes { packed in
        unsafe mask.withUnsafeBytes { mask in
          unsafe table.pointee.replace_masked(
            packed.baseAddress, width, count, mask.baseAddress, values.baseAddress)
        }
      }
    }
  }

  /// Packed F32 or F64 added to those of the mask.
  @_lifetime(values: copy values)
  package func add(
    _ packed: borrowing RawSpan, of dtype: SummedDType, mask: borrowing RawSpan,
    to values: inout MutableRawSpan
  ) {
    let width = dtype.byteCount
    let count = values.byteCount / width
    precondition(self.count(ofMask: mask, elementCount: count) * width <= packed.byteCount)
    // SAFETY: as many elements are read as bits are set.
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

  /// The bytes that the gaps of `count` places among `elementCount` take at most.
  package static func maximumGapByteCount(places count: Int, elementCount: Int) -> Int {
    count + elementCount / 255
  }

  /// Writes the gaps of a mask; returns how many bytes they are.
  @_lifetime(gaps: copy gaps)
  package func encodeGaps(
    ofMask mask: borrowing RawSpan, elementCount: Int, into gaps: inout MutableRawSpan
  ) -> Int {
    let places = count(ofMask: mask, elementCount: elementCount)
    precondition(
      gaps.byteCount >= Self.maximumGapByteCount(places: places, elementCount: elementCount))
    // SAFETY: the precondition holds what the loop writes at most.
    return unsafe gaps.withUnsafeMutableBytes { gaps in
      unsafe mask.withUnsafeBytes { mask in
        Int(unsafe table.pointee.gap8_encode(mask.baseAddress, elementCount, gaps.baseAddress))
      }
    }
  }

  /// The mask of gaps; false if they do not name exactly `places` places.
  @_lifetime(mask: copy mask)
  package func decodeGaps(
    _ gaps: borrowing RawSpan, places: Int, elementCount: Int, intoMask mask: inout MutableRawSpan
  ) -> Bool {
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: elementCount))
    // SAFETY: the loop checks each place before it writes its bit.
    return unsafe mask.withUnsafeMutableBytes { mask in
      unsafe gaps.withUnsafeBytes { gaps in
        unsafe table.pointee.gap8_mask(
          gaps.baseAddress, gaps.count, places, elementCount, mask.baseAddress) != 0
      }
    }
  }

  /// `scatter` by gaps; false as above.
  @_lifetime(values: copy values)
  package func scatter(
    _ packed: borrowing RawSpan, width: Int, gaps: borrowing RawSpan,
    into values: inout MutableRawSpan
  ) -> Bool {
    precondition([1, 2, 4, 8].contains(width))
    let places = packed.byteCount / width
    let count = values.byteCount / width
    // SAFETY: the loop checks each place, and that no more values are read than there are.
    return unsafe values.withUnsafeMutableBytes { values in
      unsafe packed.withUnsafeBytes { packed in
        unsafe gaps.withUnsafeBytes { gaps in
          unsafe table.pointee.gap8_scatter(
            gaps.baseAddress, gaps.count, packed.baseAddress, places, width, count,
            values.baseAddress) != 0
        }
      }
    }
  }
}

/// The largest magnitudes of F32 values.
extension Kernels {
  package enum MagnitudeDigits: Hashable, Sendable {
    /// The upper 16 bits.
    case upper
    /// The lower 15 bits of those magnitudes whose upper ones are these.
    case lower(upper: Int)

    package var counterCount: Int {
      switch self {
      case .upper: 1 << 16
      case .lower: 1 << 15
      }
    }
  }

  /// Adds to `counters` how often each value of the digits occurs.
  package func countMagnitudes(
    _ values: borrowing RawSpan, digits: MagnitudeDigits, into counters: inout [UInt64]
  ) {
    precondition(counters.count == digits.counterCount)
    let (level, prefix): (Int32, UInt32) =
      switch digits {
      case .upper: (0, 0)
      case .lower(let upper): (1, UInt32(upper))
      }
    // SAFETY: digits index inside the counters, whose count was checked.
    unsafe values.withUnsafeBytes { values in
      unsafe table.pointee.magnitude_histogram(
        values.baseAddress, values.count / 4, level, prefix, &counters)
    }
  }

  /// The same into counters of 64 bits that lie in memory.
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
    // SAFETY: digits index inside the counters; the workspaces that lend them are aligned.
    unsafe values.withUnsafeBytes { values in
      unsafe counters.withUnsafeMutableBytes { counters in
        unsafe table.pointee.magnitude_histogram(
          values.baseAddress, values.count / 4, level, prefix,
          counters.baseAddress!.assumingMemoryBound(to: UInt64.self))
      }
    }
  }

  /// Marks all values whose magnitude, as bits, is over `threshold`, and the first `ties` equal to it.
  @_lifetime(mask: copy mask)
  package func markLargest(
    _ values: borrowing RawSpan, threshold: UInt32, ties: Int, into mask: inout MutableRawSpan
  ) -> Int {
    let count = values.byteCount / 4
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: count))
    // SAFETY: the loop reads `count` elements and writes a bit for each.
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
