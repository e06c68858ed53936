import Base
import CKernels

/// Kernels that compare two lists of F32 values.
extension Kernels {
  /// Sums over pairs of values from two lists.
  package struct PairSums: Sendable, Equatable {
    /// The sum of the squares of the first list.
    package private(set) var squares = 0.0
    /// The sum of the squares of the second list.
    package private(set) var otherSquares = 0.0
    /// The sum of the products.
    package private(set) var product = 0.0
    /// The number of pairs in which neither value is 0.
    package private(set) var shared = 0
    /// The number of those pairs whose signs differ.
    package private(set) var opposed = 0

    package init() {}

    fileprivate init(_ pair: sumac_pair) {
      squares = pair.squares
      otherSquares = pair.other_squares
      product = pair.product
      shared = Int(pair.shared)
      opposed = Int(pair.opposed)
    }

    fileprivate var forKernels: sumac_pair {
      sumac_pair(
        squares: squares, other_squares: otherSquares, product: product, shared: UInt64(shared),
        opposed: UInt64(opposed))
    }

    /// Adds the sums of the values that follow. The order affects the last bits of the sums.
    package mutating func merge(_ next: PairSums) {
      squares += next.squares
      otherSquares += next.otherSquares
      product += next.product
      shared += next.shared
      opposed += next.opposed
    }
  }

  /// Adds the pairs of two lists of equal length to `sums`.
  package func compare(
    _ values: borrowing RawSpan, _ others: borrowing RawSpan, into sums: inout PairSums
  ) {
    precondition(values.byteCount == others.byteCount)
    var pair = sums.forKernels
    // SAFETY: both regions hold as many values.
    unsafe values.withUnsafeBytes { values in
      unsafe others.withUnsafeBytes { others in
        unsafe table.pointee.compare_pair(
          values.baseAddress, others.baseAddress, values.count / 4, &pair)
      }
    }
    sums = PairSums(pair)
  }
}
