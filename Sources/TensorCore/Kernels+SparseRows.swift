import CKernels

/// Kernels for sparse layers of networks. Values are F32, or F64 if `isDouble`.
extension Kernels {
  /// The number of elements that ``multiply(_:rows:weights:vectors:elements:into:pitch:isDouble:)`` computes together.
  package static func rowBlock(isDouble: Bool) -> Int {
    Int(SUMAC_ROW_BLOCK_BYTES) / (isDouble ? 8 : 4)
  }

  /// Computes elements of some rows of the product of a sparse matrix with the vectors in `vectors`.
  ///
  /// - Parameters:
  ///   - weights: A value for each entry.
  ///   - elements: Whole blocks of ``rowBlock(isDouble:)`` elements.
  ///   - pitch: The number of values from one row of results to the next.
  @_lifetime(results: copy results)
  package func multiply(
    _ matrix: SparseRows, rows: Range<Int>, weights: borrowing RawSpan,
    vectors: borrowing RawSpan, elements: Range<Int>, into results: inout MutableRawSpan,
    pitch: Int, isDouble: Bool
  ) {
    let (size, block) = (isDouble ? 8 : 4, Self.rowBlock(isDouble: isDouble))
    precondition(rows.lowerBound >= 0 && rows.upperBound <= matrix.rowCount && !rows.isEmpty)
    precondition(elements.lowerBound >= 0 && elements.count % block == 0)
    precondition(weights.byteCount >= size * matrix.offsets.count)
    precondition(
      matrix.offsets.isEmpty || vectors.byteCount >= size * (matrix.reach + elements.upperBound))
    precondition(elements.upperBound <= pitch)
    precondition(results.byteCount >= size * ((rows.upperBound - 1) * pitch + elements.upperBound))
    // SAFETY: the preconditions and the initializer of the matrix cover everything that the loops read and write.
    unsafe results.withUnsafeMutableBytes { results in
      unsafe vectors.withUnsafeBytes { vectors in
        unsafe weights.withUnsafeBytes { weights in
          unsafe matrix.starts.withUnsafeBufferPointer { starts in
            unsafe matrix.offsets.withUnsafeBufferPointer { offsets in
              let function =
                unsafe isDouble
                ? table.pointee.sparse_rows_f64 : table.pointee.sparse_rows_f32
              unsafe function(
                starts.baseAddress! + rows.lowerBound, offsets.baseAddress, weights.baseAddress,
                rows.count, vectors.baseAddress, elements.lowerBound, elements.count,
                results.baseAddress.map { unsafe $0 + size * rows.lowerBound * pitch }, pitch)
            }
          }
        }
      }
    }
  }

  /// Adds to the sum of each entry of some rows the product of the vector of the row with the vector of the entry.
  ///
  /// - Parameters:
  ///   - rowVectors: A vector for each row of the matrix, `pitch` values apart, the first one at `start`.
  ///   - elements: Elements of the vectors; their number is a multiple of 16.
  ///   - sums: A value for each entry.
  @_lifetime(sums: copy sums)
  package func addDots(
    _ matrix: SparseRows, rows: Range<Int>, rowVectors: borrowing RawSpan, start: Int, pitch: Int,
    others: borrowing RawSpan, elements: Range<Int>, to sums: inout MutableRawSpan,
    isDouble: Bool
  ) {
    let size = isDouble ? 8 : 4
    precondition(rows.lowerBound >= 0 && rows.upperBound <= matrix.rowCount && !rows.isEmpty)
    precondition(elements.lowerBound >= 0 && elements.count % 16 == 0 && start >= 0 && pitch >= 0)
    precondition(sums.byteCount >= size * matrix.offsets.count)
    precondition(
      rowVectors.byteCount
        >= size * (start + (rows.upperBound - 1) * pitch + elements.upperBound))
    precondition(
      matrix.offsets.isEmpty || others.byteCount >= size * (matrix.reach + elements.upperBound))
    // SAFETY: as above.
    unsafe sums.withUnsafeMutableBytes { sums in
      unsafe others.withUnsafeBytes { others in
        unsafe rowVectors.withUnsafeBytes { vectors in
          unsafe matrix.starts.withUnsafeBufferPointer { starts in
            unsafe matrix.offsets.withUnsafeBufferPointer { offsets in
              let function =
                unsafe isDouble
                ? table.pointee.sparse_dots_f64 : table.pointee.sparse_dots_f32
              unsafe function(
                starts.baseAddress! + rows.lowerBound, offsets.baseAddress, rows.count,
                vectors.baseAddress.map { unsafe $0 + size * (start + rows.lowerBound * pitch) },
                pitch, others.baseAddress, elements.lowerBound, elements.count, sums.baseAddress)
            }
          }
        }
      }
    }
  }

  /// Copies some channels of images to their planes, whose other elements become 0.
  @_lifetime(planes: copy planes)
  package func packPlanes(
    _ layout: PlaneLayout, channels: Range<Int>, from values: borrowing RawSpan,
    into planes: inout MutableRawSpan, isDouble: Bool
  ) {
    let size = isDouble ? 8 : 4
    precondition(layout.isValid && channels.lowerBound >= 0)
    precondition(channels.upperBound <= layout.channels)
    precondition(values.byteCount >= size * layout.valueCount)
    precondition(planes.byteCount >= size * layout.planeCount)
    var geometry = layout.forKernels
    // SAFETY: as above.
    unsafe planes.withUnsafeMutableBytes { planes in
      unsafe values.withUnsafeBytes { values in
        let function =
          unsafe isDouble
          ? table.pointee.pack_planes_f64 : table.pointee.pack_planes_f32
        unsafe function(
          &geometry, channels.lowerBound, channels.upperBound, values.baseAddress,
          planes.baseAddress)
      }
    }
  }

  /// Copies the planes of some channels to the images, or adds them.
  @_lifetime(values: copy values)
  package func unpackPlanes(
    _ layout: PlaneLayout, channels: Range<Int>, from planes: borrowing RawSpan,
    into values: inout MutableRawSpan, isAdding: Bool, isDouble: Bool
  ) {
    let size = isDouble ? 8 : 4
    precondition(layout.isValid && channels.lowerBound >= 0)
    precondition(channels.upperBound <= layout.channels)
    precondition(values.byteCount >= size * layout.valueCount)
    precondition(planes.byteCount >= size * layout.planeCount)
    var geometry = layout.forKernels
    // SAFETY: as above.
    unsafe values.withUnsafeMutableBytes { values in
      unsafe planes.withUnsafeBytes { planes in
        let function =
          unsafe isDouble
          ? table.pointee.unpack_planes_f64 : table.pointee.unpack_planes_f32
        unsafe function(
          &geometry, channels.lowerBound, channels.upperBound, planes.baseAddress,
          values.baseAddress, isAdding ? 1 : 0)
      }
    }
  }
}

extension PlaneLayout {
  fileprivate var forKernels: sumac_planes {
    sumac_planes(
      images: images, channels: channels, height: height, width: width, stride: stride,
      padding: padding, pitch: pitch, rows: rows, lead: lead, channel_pitch: channelPitch)
  }
}
