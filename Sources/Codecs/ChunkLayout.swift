import Base
package import TensorCore

/// Which values of which tensor a chunk holds.
///
/// For kept values of a sparse term the "tensor" is their list, of one dimension.
package struct ChunkLayout: Sendable, Equatable {
  package var dtype: DType
  /// Of the tensor that the grid cuts.
  package var dimensions: [Int]
  /// Flat places in it.
  package var elements: Range<Int>

  package init(dtype: DType, dimensions: [Int], elements: Range<Int>) {
    self.dtype = dtype
    self.dimensions = dimensions
    self.elements = elements
  }

  package init(_ info: TensorInfo, chunk: Int) {
    self.init(dtype: info.dtype, dimensions: info.shape.dimensions, elements: info.grid[chunk])
  }

  /// A list of `count` values.
  package init(dtype: DType, listOf count: Int) {
    self.init(dtype: dtype, dimensions: [count], elements: 0..<count)
  }

  package var elementCount: Int { elements.count }
  /// Of the values in canonical form.
  package var byteCount: Int { (elements.count * dtype.bitsPerElement + 7) / 8 }
}
