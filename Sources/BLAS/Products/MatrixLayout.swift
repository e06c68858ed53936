/// The way in which a product reads a row-major matrix from memory.
package struct MatrixLayout: Sendable, Equatable {
  /// True if the product uses the transpose of the stored matrix.
  package var isTransposed: Bool
  /// The distance between stored rows, in values; nil if it is the length of a row.
  package var stride: Int?

  package init(isTransposed: Bool, stride: Int? = nil) {
    self.isTransposed = isTransposed
    self.stride = stride
  }

  /// The stored matrix, row after row.
  package static let plain = plain(stride: nil)
  /// The transpose of the stored matrix.
  package static let transposed = transposed(stride: nil)

  package static func plain(stride: Int?) -> MatrixLayout {
    MatrixLayout(isTransposed: false, stride: stride)
  }

  package static func transposed(stride: Int?) -> MatrixLayout {
    MatrixLayout(isTransposed: true, stride: stride)
  }
}
