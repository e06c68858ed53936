import Base
import CKernels

/// Skinny products of F32 matrices, row by row. The order of each sum is the same on every CPU.
extension Kernels {
  /// Computes sums += scale · (u · v), where u is rows × rank and v is rank × columns.
  /// - Parameter stride: The distance between rows of `v`, in values.
  @_lifetime(sums: copy sums)
  package func addLowRank(
    u: borrowing RawSpan, v: borrowing RawSpan, stride: Int, rows: Int, columns: Int, rank: Int,
    scale: Float, to sums: inout MutableRawSpan
  ) {
    precondition(rank > 0 && rows >= 0 && columns >= 0 && stride >= columns)
    precondition(u.byteCount >= 4 * rows * rank)
    precondition(v.byteCount >= 4 * ((rank - 1) * stride + columns))
    precondition(sums.byteCount >= 4 * rows * columns)
    // SAFETY: the preconditions cover everything that the loops read and write; the same holds below.
    unsafe sums.withUnsafeMutableBytes { sums in
      unsafe u.withUnsafeBytes { u in
        unsafe v.withUnsafeBytes { v in
          unsafe table.pointee.low_rank_add(
            u.baseAddress, v.baseAddress, stride, rows, columns, rank, scale, sums.baseAddress)
        }
      }
    }
  }

  /// Returns the product of a row and a matrix of `columns` columns. Each sum adds the rows of the matrix in order.
  package func product(_ row: [Float], _ matrix: [Float], columns: Int) -> [Float] {
    precondition(matrix.count >= row.count * columns)
    var sums = [Float](repeating: 0, count: columns)
    guard !row.isEmpty, columns > 0 else { return sums }
    // SAFETY: by the precondition, the arrays contain everything that the loops read and write.
    unsafe sums.withUnsafeMutableBufferPointer { sums in
      unsafe table.pointee.low_rank_add(
        row, matrix, columns, 1, columns, row.count, 1, sums.baseAddress)
    }
    return sums
  }

  /// Adds each value to the corresponding sum.
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

  /// Computes u = matrix · vᵀ, which is rows × rank.
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

  /// Computes v += uᵀ · matrix, which is rank × columns.
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

  /// Makes `count` vectors orthonormal in order. A vector that depends on the vectors before it becomes 0.
  @_lifetime(vectors: copy vectors)
  package func orthonormalize(_ vectors: inout MutableRawSpan, count: Int) {
    guard count > 0 else { return }
    let length = vectors.byteCount / 4 / count
    unsafe vectors.withUnsafeMutableBytes {
      unsafe table.pointee.orthonormalize($0.baseAddress, count, length)
    }
  }

  /// Adds the distance of F32 `values` from `others` to `distance`.
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

  /// Adds the distance of F32 `values` from `others` to `distance`, with the square of each element times its weight.
  package func addDistance(
    of values: borrowing RawSpan, from others: borrowing RawSpan, weights: borrowing RawSpan,
    to distance: inout Distance
  ) {
    precondition(
      values.byteCount == others.byteCount && values.byteCount == weights.byteCount)
    var sums = sumac_distance(
      squares: distance.squares, norm_squares: distance.normSquares, largest: distance.largest)
    unsafe values.withUnsafeBytes { values in
      unsafe others.withUnsafeBytes { others in
        unsafe weights.withUnsafeBytes { weights in
          unsafe table.pointee.add_weighted_distance(
            values.baseAddress, others.baseAddress, weights.baseAddress, values.count / 4, &sums)
        }
      }
    }
    distance = Distance(
      squares: sums.squares, normSquares: sums.norm_squares, largest: sums.largest)
  }

  /// Rounds F32 values to `dtype`. Finite values that are too large become the largest finite value of their sign.
  ///
  /// - Parameter scratch: Memory for up to 8,192 of the values as F32.
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
    // The values are processed in blocks, so that clamped values are still in the cache for the conversion.
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
        // The dtype is F16, BF16 or F32 by the precondition; each has a NaN.
        preconditionFailure("F32 converts to every plain float")
      }
    }
  }

  private static let roundedBlockCount = 1 << 13
}

/// The distance of values from other values.
package struct Distance: Sendable, Equatable {
  /// The sum of the squared distances.
  package var squares: Double
  /// The sum of the squared values.
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
