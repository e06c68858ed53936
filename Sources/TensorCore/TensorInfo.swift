import Base

/// What a catalog says of a tensor without reading it.
package struct TensorInfo: Hashable, Sendable {
  package var name: String
  package let dtype: DType
  package let shape: Shape
  /// Bytes of the values in canonical form: little-endian, row by row, F4 and F6 as one bit stream.
  package let byteCount: Int

  package enum Problem: Error, Equatable {
    /// F4 and F6 values that do not fill their last byte.
    case partialByte
  }

  /// Throws `Problem.partialByte` if the values do not end on a byte.
  package init(name: String, dtype: DType, shape: Shape) throws(Problem) {
    guard let byteCount = dtype.byteCount(of: shape.elementCount) else { throw .partialByte }
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.byteCount = byteCount
  }

  package var elementCount: Int { shape.elementCount }
  /// Whether this is a weight by its name and shape: the last part of the name contains `weight`, and
  /// there are two dimensions or more. Embeddings are weights, biases and norms are not.
  package var isWeight: Bool {
    shape.dimensions.count >= 2 && (name.split(separator: ".").last ?? "").contains("weight")
  }
  package var grid: ChunkGrid { ChunkGrid(dtype: dtype, shape: shape) }

  /// Where the bytes of `elements` lie among the tensor's bytes.
  package func bytes(of elements: Range<Int>) -> Range<Int> {
    elements.lowerBound * dtype.bitsPerElement / 8..<elements.upperBound * dtype.bitsPerElement / 8
  }
}
