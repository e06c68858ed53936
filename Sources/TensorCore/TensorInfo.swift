import Base

/// The description of a tensor in a catalog: name, dtype and shape.
package struct TensorInfo: Hashable, Sendable {
  package var name: String
  package let dtype: DType
  package let shape: Shape
  /// The size in bytes of the values in canonical form: little-endian, row by row, F4 and F6 as one bit stream.
  package let byteCount: Int

  /// The reason for which a tensor is not supported.
  package enum Problem: Error, Equatable {
    /// F4 and F6 values do not fill their last byte.
    case partialByte
  }

  /// Throws `Problem.partialByte` if the values do not end on a byte boundary.
  package init(name: String, dtype: DType, shape: Shape) throws(Problem) {
    guard let byteCount = dtype.byteCount(of: shape.elementCount) else { throw .partialByte }
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.byteCount = byteCount
  }

  package var elementCount: Int { shape.elementCount }
  package var grid: ChunkGrid { ChunkGrid(dtype: dtype, shape: shape) }

  /// Returns the byte range of `elements` in the bytes of the tensor.
  package func bytes(of elements: Range<Int>) -> Range<Int> {
    elements.lowerBound * dtype.bitsPerElement / 8..<elements.upperBound * dtype.bitsPerElement / 8
  }
}
