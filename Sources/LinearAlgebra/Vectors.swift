import Base
import TensorCore

/// Functions on groups of float32 vectors that are stored one after another.
package enum Vectors {
  /// Makes the vectors of each group orthonormal, each against the vectors before it.
  ///
  /// Sums are computed in the same order on every CPU.
  /// - Parameters:
  ///   - values: Whole groups of `count` vectors.
  ///   - count: The number of vectors in a group.
  ///   - length: The number of values in a vector.
  ///   - scalesFirst: True to scale each group with `bringNearOne` first.
  package static func orthonormalize(
    _ values: inout [Float], count: Int, length: Int, scalesFirst: Bool = false
  ) {
    let size = count * length
    guard size > 0 else { return }
    precondition(values.count % size == 0)
    var buffer = ByteBuffer(byteCount: 4 * size)
    for start in stride(from: 0, to: values.count, by: size) {
      if scalesFirst { bringNearOne(&values, start..<start + size) }
      var span = buffer.mutableBytes
      span.copy(values.rawSpan.extracting(4 * start..<4 * (start + size)))
      Kernels.best.orthonormalize(&span, count: count)
      for index in 0..<size {
        values[start + index] = Float(
          bitPattern: span.bytes.littleEndian(UInt32.self, at: 4 * index)!)
      }
    }
  }

  /// Divides values by a power of two if their squares could leave the range of float32.
  /// - Returns: The exponent of that power of two; 0 if the values are unchanged.
  @discardableResult
  package static func bringNearOne(_ values: inout [Float], _ range: Range<Int>) -> Int {
    let largest = values[range].reduce(0) { max($0, $1.magnitude) }
    guard largest > 0, largest.isFinite, abs(largest.exponent) > 30 else { return 0 }
    for index in range {
      values[index] = Float(
        sign: .plus, exponent: -largest.exponent, significand: values[index])
    }
    return Int(largest.exponent)
  }

  /// Divides F32 values in memory by a power of two if their squares could leave the range of float32.
  /// - Returns: The exponent of that power of two; 0 if the values are unchanged.
  @_lifetime(values: copy values)
  package static func bringNearOne(_ values: inout MutableRawSpan) -> Int {
    var floats = values.bytes.floats()
    let exponent = bringNearOne(&floats, floats.indices)
    if exponent != 0 { values.copy(floats.rawSpan) }
    return exponent
  }

  // MARK: Rows and columns

  /// Returns the transposes of the consecutive matrices in `values`, each of shape [rows, columns].
  package static func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
    var result = values
    for start in stride(from: 0, to: values.count, by: max(1, rows * columns)) {
      for row in 0..<rows {
        for column in 0..<columns {
          result[start + column * rows + row] = values[start + row * columns + column]
        }
      }
    }
    return result
  }

  /// Returns the transpose of a matrix of shape [rows, columns] whose values have `width` bytes each.
  package static func transposed(
    _ values: [UInt8], width: Int, rows: Int, columns: Int
  ) -> [UInt8] {
    var result = values
    for row in 0..<rows {
      for column in 0..<columns {
        let (from, to) = (width * (row * columns + column), width * (column * rows + row))
        for byte in 0..<width { result[to + byte] = values[from + byte] }
      }
    }
    return result
  }
}
