import Base

/// The dimensions of a tensor, outermost first. A scalar has no dimensions.
///
/// Every shape is within the limits below, so products of its dimensions never overflow.
package struct Shape: Hashable, Sendable {
  package static let maximumRank = 64
  /// The exclusive upper bound of a dimension.
  package static let dimensionLimit = 1 << 48
  /// The maximum product of the dimensions that are not zero.
  package static let productLimit = 1 << 56

  package let dimensions: [Int]
  package let elementCount: Int

  /// The limit that a shape exceeds.
  package enum Problem: Error, Equatable {
    case rank(Int)
    case dimension(Int)
    case product
  }

  /// Throws `Problem` if the dimensions are outside the limits.
  package init(_ dimensions: [Int]) throws(Problem) {
    guard dimensions.count <= Self.maximumRank else { throw .rank(dimensions.count) }
    var product = 1
    var isEmpty = false
    for dimension in dimensions {
      guard dimension >= 0, dimension < Self.dimensionLimit else { throw .dimension(dimension) }
      if dimension == 0 {
        isEmpty = true
      } else {
        let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
        guard !overflow, next <= Self.productLimit else { throw .product }
        product = next
      }
    }
    self.dimensions = dimensions
    elementCount = isEmpty ? 0 : product
  }

  /// The number of columns C of the matrix view [R, C]: the last dimension, or 1 for a scalar.
  package var columnCount: Int { dimensions.last ?? 1 }

  /// The number of rows R of the matrix view [R, C]: the product of all dimensions except the last.
  package var rowCount: Int { dimensions.dropLast().reduce(1, *) }
}

extension Shape: CustomStringConvertible {
  package var description: String {
    "[" + dimensions.map(String.init).joined(separator: ", ") + "]"
  }
}

extension Shape.Problem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .rank(let rank):
      "the shape has \(rank) dimensions, at most \(Shape.maximumRank) are allowed"
    case .dimension(let size): "dimension \(size) is outside 0 ..< 2^48"
    case .product: "the product of the dimensions exceeds 2^56"
    }
  }
}
