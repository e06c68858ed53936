import Base
package import TensorCore

/// The values that a chunk contains: their dtype, the dimensions of the tensor, and the range of its elements.
///
/// For the kept values of a sparse term, the "tensor" is the one-dimensional list of these values.
package struct ChunkLayout: Sendable, Equatable {
  package var dtype: DType
  /// The dimensions of the tensor that the grid divides.
  package var dimensions: [Int]
  /// The flat indexes of the elements in the tensor.
  package var elements: Range<Int>

  package init(dtype: DType, dimensions: [Int], elements: Range<Int>) {
    self.dtype = dtype
    self.dimensions = dimensions
    self.elements = elements
  }

  /// Creates the layout of a chunk of a tensor.
  package init(_ info: TensorInfo, chunk: Int) {
    self.init(dtype: info.dtype, dimensions: info.shape.dimensions, elements: info.grid[chunk])
  }

  /// Creates the layout of a list of `count` values.
  package init(dtype: DType, listOf count: Int) {
    self.init(dtype: dtype, dimensions: [count], elements: 0..<count)
  }

  package var elementCount: Int { elements.count }
  /// The size of the values in canonical form, in bytes.
  package var byteCount: Int { (elements.count * dtype.bitsPerElement + 7) / 8 }
}
