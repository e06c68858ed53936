package import TensorCore

/// The rows of a tensor for grouping: quantization groups, N:M patterns, neurons, scales per row.
///
/// A row holds the weights of one output. The tensor is seen as `[outer, length, inner]`: a row is
/// `length` elements that are `inner` elements apart.
package struct RowGeometry: Hashable, Sendable {
  /// The axes of the tensor that a row runs along; they are adjacent.
  package let axes: Range<Int>
  /// The product of the dimensions before `axes`.
  package let outer: Int
  /// The number of elements of a row.
  package let length: Int
  /// The product of the dimensions after `axes`: the distance between the elements of a row.
  package let inner: Int

  /// The number of rows.
  package var count: Int { outer * inner }

  package init(_ role: TensorRole, _ shape: Shape) {
    let dimensions = shape.dimensions
    axes = Self.axes(role, rank: dimensions.count)
    outer = dimensions[..<axes.lowerBound].reduce(1, *)
    length = dimensions[axes].reduce(1, *)
    inner = dimensions[axes.upperBound...].reduce(1, *)
  }

  private static func axes(_ role: TensorRole, rank: Int) -> Range<Int> {
    guard rank > 1 else { return 0..<rank }
    let inputs: TensorRole.InputAxes =
      switch role {
      case .matrix(let inputs), .convolution(let inputs), .experts(let inputs): inputs
      case .adapter: rank > 2 ? .allButFirst : .last
      case .embedding, .norm, .bias, .elementwise, .quantized, .buffer, .unknown: .last
      }
    return switch inputs {
    case .last: rank - 1..<rank
    case .first: 0..<1
    case .beforeLast: rank - 2..<rank - 1
    case .allButFirst: 1..<rank
    case .allButLast: 0..<rank - 1
    }
  }
}
