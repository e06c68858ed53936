import Base
import CKernels

/// The kind of the zero points of affine codes.
package enum ZeroPoint: String, Sendable, CaseIterable {
  /// No zero points: the middle code represents zero.
  case symmetric
  /// An integer code for each cell.
  case integer
  /// A float for each cell, which is added to code times scale.
  case float

  var forKernels: Int32 {
    switch self {
    case .symmetric: Int32(SUMAC_ZERO_SYMMETRIC)
    case .integer: Int32(SUMAC_ZERO_INTEGER)
    case .float: Int32(SUMAC_ZERO_FLOAT)
    }
  }
}

/// Kernels for quantization groups. Values are F32. Pairs and ranges are two consecutive arrays of F32 with one
/// number for each cell.
extension Kernels {
  /// Writes the minimum values and then the maximum values of the cells.
  @_lifetime(ranges: copy ranges)
  package func groupRanges(
    _ values: borrowing RawSpan, _ grouping: Grouping, into ranges: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    let cells = grouping.cellCount(elementCount: count)
    precondition(ranges.byteCount >= 8 * cells)
    var geometry = grouping.forKernels
    // SAFETY: the loop writes one number for each cell to both arrays; the same holds below.
    unsafe ranges.withUnsafeMutableBytes { ranges in
      unsafe values.withUnsafeBytes { values in
        unsafe table.pointee.group_ranges(
          values.baseAddress, count, &geometry, ranges.baseAddress,
          ranges.baseAddress.map { unsafe $0 + 4 * cells })
      }
    }
  }

  /// Returns the index of the first NaN or infinity of `values`, or nil.
  /// - Parameter dtype: F16, BF16 or F32.
  package func firstNotFinite(_ values: borrowing RawSpan, dtype: DType = .f32) -> Int? {
    precondition(dtype == .f16 || dtype == .bf16 || dtype == .f32)
    let count = 8 * values.byteCount / dtype.bitsPerElement
    // SAFETY: the loop reads whole elements of the region.
    let index = unsafe values.withUnsafeBytes {
      unsafe table.pointee.first_not_finite($0.baseAddress, Int32(dtype.rawValue), count)
    }
    return index < count ? Int(index) : nil
  }

  /// Computes scales and then zero points from ranges.
  @_lifetime(pairs: copy pairs)
  package func affineScales(
    _ ranges: borrowing RawSpan, bits: Int, zero: ZeroPoint, scaleDType: DType,
    into pairs: inout MutableRawSpan
  ) {
    let cells = ranges.byteCount / 8
    precondition(pairs.byteCount >= 8 * cells)
    unsafe pairs.withUnsafeMutableBytes { pairs in
      unsafe ranges.withUnsafeBytes { ranges in
        guard let low = ranges.baseAddress, let scale = pairs.baseAddress else { return }
        unsafe table.pointee.affine_scales(
          low, low + 4 * cells, cells, Int32(bits), zero.forKernels, Int32(scaleDType.rawValue),
          scale, scale + 4 * cells)
      }
    }
  }

  /// Computes the scales to store from ranges; see `sumac_kernels.element_scales`.
  @_lifetime(scales: copy scales)
  package func elementScales(
    _ ranges: borrowing RawSpan, scaleDType: DType, limit: Float, largestExponent: Int,
    global: Float, into scales: inout MutableRawSpan
  ) {
    let cells = ranges.byteCount / 8
    precondition(scales.byteCount >= 4 * cells)
    unsafe scales.withUnsafeMutableBytes { scales in
      unsafe ranges.withUnsafeBytes { ranges in
        guard let low = ranges.baseAddress else { return }
        unsafe table.pointee.element_scales(
          low, low + 4 * cells, cells, Int32(scaleDType.rawValue), limit, Int32(largestExponent),
          global, scales.baseAddress)
      }
    }
  }

  /// Encodes values as codes, one per byte.
  @_lifetime(codes: copy codes)
  package func affineEncode(
    _ values: borrowing RawSpan, _ grouping: Grouping, pairs: borrowing RawSpan, bits: Int,
    zero: ZeroPoint, into codes: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    let cells = grouping.cellCount(elementCount: count)
    precondition(codes.byteCount >= count && pairs.byteCount >= 8 * cells)
    var geometry = grouping.forKernels
    unsafe codes.withUnsafeMutableBytes { codes in
      unsafe values.withUnsafeBytes { values in
        unsafe pairs.withUnsafeBytes { pairs in
          unsafe table.pointee.affine_encode(
            values.baseAddress, count, &geometry, pairs.baseAddress,
            pairs.baseAddress.map { unsafe $0 + 4 * cells }, Int32(bits), zero.forKernels,
            codes.baseAddress)
        }
      }
    }
  }

  /// Decodes codes, one per byte, to values.
  @_lifetime(values: copy values)
  package func affineDecode(
    _ codes: borrowing RawSpan, _ grouping: Grouping, pairs: borrowing RawSpan, zero: ZeroPoint,
    stepsDType: DType, into values: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    let cells = grouping.cellCount(elementCount: count)
    precondition(codes.byteCount >= count && pairs.byteCount >= 8 * cells)
    var geometry = grouping.forKernels
    unsafe values.withUnsafeMutableBytes { values in
      unsafe codes.withUnsafeBytes { codes in
        unsafe pairs.withUnsafeBytes { pairs in
          unsafe table.pointee.affine_decode(
            codes.baseAddress, count, &geometry, pairs.baseAddress,
            pairs.baseAddress.map { unsafe $0 + 4 * cells }, zero.forKernels,
            Int32(stepsDType.rawValue), values.baseAddress)
        }
      }
    }
  }

  /// Multiplies each element of `source` by the scale of its cell.
  @_lifetime(target: copy target)
  package func multiply(
    _ source: borrowing RawSpan, _ grouping: Grouping, byScales scales: borrowing RawSpan,
    into target: inout MutableRawSpan
  ) {
    scale(source, grouping, scales, divides: false, into: &target)
  }

  /// Multiplies each element of `values` by the scale of its cell.
  @_lifetime(values: copy values)
  package func multiply(
    inPlace values: inout MutableRawSpan, _ grouping: Grouping, byScales scales: borrowing RawSpan
  ) {
    let count = values.byteCount / 4
    precondition(scales.byteCount >= 4 * grouping.cellCount(elementCount: count))
    var geometry = grouping.forKernels
    // SAFETY: the loop reads and writes whole elements of the region, each before the next one.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe scales.withUnsafeBytes { scales in
        unsafe table.pointee.scale_groups(
          values.baseAddress, count, &geometry, scales.baseAddress, 0, values.baseAddress)
      }
    }
  }

  /// Divides each element of `source` by the scale of its cell; the result is 0 if the scale is 0.
  @_lifetime(target: copy target)
  package func divide(
    _ source: borrowing RawSpan, _ grouping: Grouping, byScales scales: borrowing RawSpan,
    into target: inout MutableRawSpan
  ) {
    scale(source, grouping, scales, divides: true, into: &target)
  }

  @_lifetime(target: copy target)
  private func scale(
    _ source: borrowing RawSpan, _ grouping: Grouping, _ scales: borrowing RawSpan, divides: Bool,
    into target: inout MutableRawSpan
  ) {
    let count = source.byteCount / 4
    precondition(target.byteCount >= 4 * count)
    precondition(scales.byteCount >= 4 * grouping.cellCount(elementCount: count))
    var geometry = grouping.forKernels
    unsafe target.withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { source in
        unsafe scales.withUnsafeBytes { scales in
          unsafe table.pointee.scale_groups(
            source.baseAddress, count, &geometry, scales.baseAddress, divides ? 1 : 0,
            target.baseAddress)
        }
      }
    }
  }
}

/// Kernels for codes of 1 to 8 bits, stored as one per byte or as little-endian bit streams.
extension Kernels {
  /// Returns the size in bytes of a bit stream of `count` codes.
  package static func packedByteCount(codes count: Int, bits: Int) -> Int {
    (count * bits + 7) / 8
  }

  /// Packs codes, given as one per byte, into a bit stream.
  @_lifetime(stream: copy stream)
  package func pack(
    _ codes: borrowing RawSpan, bits: Int, into stream: inout MutableRawSpan
  ) {
    let count = codes.byteCount
    precondition(stream.byteCount >= Self.packedByteCount(codes: count, bits: bits))
    // SAFETY: the loops read `count` codes and write the bytes counted above; the same holds below.
    unsafe stream.withUnsafeMutableBytes { stream in
      unsafe codes.withUnsafeBytes { codes in
        unsafe table.pointee.pack_codes(codes.baseAddress, stream.baseAddress, count, Int32(bits))
      }
    }
  }

  /// Unpacks as many codes as fit in `codes`.
  @_lifetime(codes: copy codes)
  package func unpack(
    _ stream: borrowing RawSpan, bits: Int, into codes: inout MutableRawSpan
  ) {
    let count = codes.byteCount
    precondition(stream.byteCount >= Self.packedByteCount(codes: count, bits: bits))
    unsafe codes.withUnsafeMutableBytes { codes in
      unsafe stream.withUnsafeBytes { stream in
        unsafe table.pointee.unpack_codes(
          stream.baseAddress, codes.baseAddress, count, Int32(bits))
      }
    }
  }

  /// Returns the highest code, or 0 if there are none.
  package func highestCode(_ codes: borrowing RawSpan) -> Int {
    unsafe codes.withUnsafeBytes {
      Int(unsafe table.pointee.highest_code($0.baseAddress, $0.count))
    }
  }

  /// Looks up codes in a table of 256 entries.
  @_lifetime(values: copy values)
  package func decode(
    _ codes: borrowing RawSpan, table entries: [Float], into values: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    precondition(entries.count == 256 && codes.byteCount >= count)
    // SAFETY: a byte is always inside a table of 256 entries.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe codes.withUnsafeBytes { codes in
        unsafe table.pointee.table_decode(codes.baseAddress, count, entries, values.baseAddress)
      }
    }
  }

  /// Encodes each value as the index of the nearest entry; the entries are ascending, and the lower of two equally near
  /// entries is chosen.
  @_lifetime(codes: copy codes)
  package func encode(
    _ values: borrowing RawSpan, table entries: [Float], into codes: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    precondition((1...256).contains(entries.count) && codes.byteCount >= count)
    unsafe codes.withUnsafeMutableBytes { codes in
      unsafe values.withUnsafeBytes { values in
        unsafe table.pointee.table_encode(
          values.baseAddress, count, entries, entries.count, codes.baseAddress)
      }
    }
  }
}

/// Kernels for blocks of 32 values of the simple ggml types.
extension Kernels {
  package static let simpleGgmlTypes = [2, 3, 6, 7, 8]

  /// Decodes blocks to F32 `values`, which must be whole blocks.
  @_lifetime(values: copy values)
  package func decodeGgml(
    _ blocks: borrowing RawSpan, type: Int, blockByteCount: Int, into values: inout MutableRawSpan
  ) {
    let count = values.byteCount / 128
    precondition(Self.simpleGgmlTypes.contains(type) && values.byteCount % 128 == 0)
    precondition(blocks.byteCount >= count * blockByteCount)
    // SAFETY: the preconditions cover everything that the loops read and write; the same holds below.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe blocks.withUnsafeBytes { blocks in
        unsafe table.pointee.ggml_decode(
          Int32(type), blocks.baseAddress, count, values.baseAddress)
      }
    }
  }

  /// Encodes F32 `values`, which must be whole blocks.
  @_lifetime(blocks: copy blocks)
  package func encodeGgml(
    _ values: borrowing RawSpan, type: Int, blockByteCount: Int, into blocks: inout MutableRawSpan
  ) {
    let count = values.byteCount / 128
    precondition(Self.simpleGgmlTypes.contains(type) && values.byteCount % 128 == 0)
    precondition(blocks.byteCount >= count * blockByteCount)
    unsafe blocks.withUnsafeMutableBytes { blocks in
      unsafe values.withUnsafeBytes { values in
        unsafe table.pointee.ggml_encode(
          Int32(type), values.baseAddress, count, blocks.baseAddress)
      }
    }
  }
}
