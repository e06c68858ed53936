import Base
import CKernels

/// Skinny products of F32 matrices, row by row, each sum in one order whatever the CPU.
extension Kernels {
  /// sums += scale · (u · v), u being rows × rank and v rank × columns.
  /// - Parameter stride: from one row of `v` to the next, in values.
  @_lifetime(sums: copy sums)
  package func addLowRank(
    u: borrowing RawSpan, v: borrowing RawSpan, stride: Int, rows: Int, columns: Int, rank: Int,
    scale: Float, to sums: inout MutableRawSpan
  ) {
    precondition(rank > 0 && rows >= 0 && columns >= 0 && stride >= columns)
    precondition(u.byteCount >= 4 * rows * rank)
    precondition(v.byteCount >= 4 * ((rank - 1) * stride + columns))
    precondition(sums.byteCount >= 4 * rows * columns)
    // SAFETY: the preconditions cover what the loops read and write; so below.
    unsafe sums.withUnsafeMutableBytes { sums in
      unsafe u.withUnsafeBytes { u in
        unsafe v.withUnsafeBytes { v in
          unsafe table.pointee.low_rank_add(
            u.baseAddress, v.baseAddress, stride, rows, columns, rank, scale, sums.baseAddress)
        }
      }
    }
  }

  /// A row times a matrix of `columns` columns, sums going over its rows in order.
  package func product(_ row: [Float], _ matrix: [Float], columns: Int) -> [Float] {
    precondition(matrix.count >= row.count * columns)
    var sums = [Float](repeating: 0, count: columns)
    guard !row.isEmpty, columns > 0 else { return sums }
    // SAFETY: the arrays have what the loops read and write, by the precondition.
    unsafe sums.withUnsafeMutableBufferPointer { sums in
      unsafe table.pointee.low_rank_add(
        row, matrix, columns, 1, columns, row.count, 1, sums.baseAddress)
    }
    return sums
  }

  /// Adds values to as many sums.
  @_lifetime(sums: copy sums)
  package func add(
    _ values: borrowing RawSpan, of dtype: SummedDType, to sums: inout MutableRawSpan
  ) {
    precondition(sums.byteCount >= values.byteCount)
    unsafe sums.withUnsafeMutableBytes { sums in
      unsafe values.withUnsafeBytes { values in
        unsafe table.pointee.add_values(
          values.baseAddress, Int32(dtype.dtype.rawValue), values.count / dtype.byteCount,
          sums.baseAddress)
      }
    }
  }

  /// u = matrix · vᵀ, rows × rank.
  @_lifetime(u: copy u)
  package func projectRows(
    of matrix: borrowing RawSpan, on v: borrowing RawSpan, rows: Int, columns: Int, rank: Int,
    into u: inout MutableRawSpan
  ) {
    precondition(matrix.byteCount >= 4 * rows * columns && v.byteCount >= 4 * rank * columns)
    precondition(u.byteCount >= 4 * rows * rank)
    unsafe u.withUnsafeMutableBytes { u in
      unsafe matrix.withUnsafeBytes { matrix in
        unsafe v.withUnsafeBytes { v in
          unsafe table.pointee.project_rows(
            matrix.baseAddress, v.baseAddress, rows, columns, rank, u.baseAddress)
        }
      }
    }
  }

  /// v += uᵀ · matrix, rank × columns.
  @_lifetime(v: copy v)
  package func accumulateColumns(
    of matrix: borrowing RawSpan, by u: borrowing RawSpan, rows: Int, columns: Int, rank: Int,
    into v: inout MutableRawSpan
  ) {
    precondition(matrix.byteCount >= 4 * rows * columns && u.byteCount >= 4 * rows * rank)
    precondition(v.byteCount >= 4 * rank * columns)
    unsafe v.withUnsafeMutableBytes { v in
      unsafe matrix.withUnsafeBytes { matrix in
        unsafe u.withUnsafeBytes { u in
          unsafe table.pointee.accumulate_columns(
            matrix.baseAddress, u.baseAddress, rows, columns, rank, v.baseAddress)
        }
      }
    }
  }

  /// Makes `count` vectors orthonormal in order; one that depends on those before becomes 0.
  @_lifetime(vectors: copy vectors)
  package func orthonormalize(_ vectors: inout MutableRawSpan, count: Int) {
    guard count > 0 else { return }
    let length = vectors.byteCount / 4 / count
    unsafe vectors.withUnsafeMutableBytes {
      unsafe table.pointee.orthonormalize($0.baseAddress, count, length)
    }
  }

  /// Adds how far F32 `values` are from `others` to `distance`.
  package func addDistance(
    of values: borrowing RawSpan, from others: borrowing RawSpan, to distance: inout Distance
  ) {
    precondition(values.byteCount == others.byteCount)
    var sums = sumac_distance(
      squares: distance.squares, norm_squares: distance.normSquares, largest: distance.largest)
    unsafe values.withUnsafeBytes { values in
      unsafe others.withUnsafeBytes { others in
        unsafe table.pointee.add_distance(
          values.baseAddress, others.baseAddress, values.count / 4, &sums)
      }
    }
    distance = Distance(
      squares: sums.squares, normSquares: sums.norm_squares, largest: sums.largest)
  }

  /// F32 values as `dtype`; finite ones that are too large become its largest of their sign.
  ///
  /// `scratch` has room for the values once more where `dtype` is not F32.
  @_lifetime(target: copy target)
  @_lifetime(scratch: copy scratch)
  package func roundSums(
    _ values: borrowing RawSpan, to dtype: DType, into target: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    precondition(dtype.isPlainFloat && dtype != .f64)
    precondition(scratch.byteCount >= min(values.byteCount, 4 * Self.roundedBlockCount))
    let width = dtype.bitsPerElement / 8
    // Block by block, so that what is clamped is near when it is converted.
    for start in stride(from: 0, to: count, by: Self.roundedBlockCount) {
      let end = min(count, start + Self.roundedBlockCount)
      let block = values.extracting(4 * start..<4 * end)
      unsafe scratch.withUnsafeMutableBytes { scratch in
        unsafe block.withUnsafeBytes { block in
          unsafe table.pointee.clamp_finite(
            block.baseAddress, end - start, Int32(dtype.rawValue), scratch.baseAddress)
        }
      }
      var rounded = target._mutatingExtracting(width * start..<width * end)
      do {
        try convert(
          scratch.bytes.extracting(0..<4 * (end - start)), from: .f32, to: dtype,
          elementCount: end - start, saturating: false, into: &rounded)
      } catch {
        // F16, BF16 and F32 by the precondition; each has a NaN.
        preconditionFailure("F32 converts to every plain float")
      }
    }
  }

  private static let roundedBlockCount = 1 << 13
}

/// How far values are from others.
package struct Distance: Sendable, Equatable {
  /// Sum of the squared distances.
  package var squares: Double
  /// Sum of the squares of the values themselves.
  package var normSquares: Double
  /// The largest distance.
  package var largest: Float

  package init(squares: Double = 0, normSquares: Double = 0, largest: Float = 0) {
    self.squares = squares
    self.normSquares = normSquares
    self.largest = largest
  }

  package mutating func add(_ other: Distance) {
    squares += other.squares
    normSquares += other.normSquares
    largest = max(largest, other.largest)
  }
}
