/// The rows of a tensor for grouping: quantization groups, N:M patterns, neurons, scales per row.
///
/// A row holds the weights of one output. The tensor is seen as `[outer, length, inner]`: a row is
/// `length` elements that are `inner` elements apart.
package struct RowGeometry: Hashable, Sendable {
  /// The axes of the tensor that a row runs along; they are adjacent. Empty for a scalar.
  package let axes: Range<Int>
  /// The product of the dimensions before `axes`.
  package let outer: Int
  /// The number of elements of a row.
  package let length: Int
  /// The product of the dimensions after `axes`: the distance between the elements of a row.
  package let inner: Int

  /// - Parameter axes: The axes that a row runs along.
  package init(_ shape: Shape, axes: Range<Int>) {
    let dimensions = shape.dimensions
    self.axes = axes
    outer = dimensions[..<axes.lowerBound].reduce(1, *)
    length = dimensions[axes].reduce(1, *)
    inner = dimensions[axes.upperBound...].reduce(1, *)
  }

  /// Creates rows along the last dimension.
  package init(_ shape: Shape) {
    let rank = shape.dimensions.count
    self.init(shape, axes: max(0, rank - 1)..<rank)
  }

  /// The number of rows.
  package var count: Int { outer * inner }

  /// True if the elements of a row are next to each other.
  package var isContiguous: Bool { inner == 1 }

  /// Returns the row of an element and its position in the row.
  package func position(of element: Int) -> (row: Int, column: Int) {
    let (block, rest) = element.quotientAndRemainder(dividingBy: length * inner)
    return (block * inner + rest % inner, rest / inner)
  }
}
