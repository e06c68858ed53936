import Base

/// The dimensions of a tensor, outermost first; no dimensions are a scalar.
///
/// Every shape obeys the limits below, so products of its dimensions never overflow.
package struct Shape: Hashable, Sendable {
  package static let maximumRank = 64
  /// Dimensions are below 2⁴⁸.
  package static let dimensionLimit = 1 << 48
  /// The product of the dimensions that are not zero is at most 2⁵⁶.
  package static let productLimit = 1 << 56

  package let dimensions: [Int]
  package let elementCount: Int

  package enum Problem: Error, Equatable {
    case rank(Int)
    case dimension(Int)
    case product
  }

  /// Throws `Problem` if the shape is outside the limits.
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

  /// C of the matrix view [R, C]: the last dimension; 1 for a scalar.
  package var columnCount: Int { dimensions.last ?? 1 }

  /// R of the matrix view [R, C]: the product of all dimensions but the last.
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
    case .product: "the product of the dimensions is over 2^56"
    }
  }
}
