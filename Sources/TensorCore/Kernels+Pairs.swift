import Base
import CKernels

/// What two lists of F32 values have in common.
extension Kernels {
  package struct PairSums: Sendable, Equatable {
    /// Sums of squares of the first list and of the second.
    package private(set) var squares = 0.0
    package private(set) var otherSquares = 0.0
    package private(set) var product = 0.0
    /// Places where neither is 0, and those of them where the signs differ.
    package private(set) var shared = 0
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

    /// Adds what follows. The order matters to the last bits of the sums.
    package mutating func merge(_ next: PairSums) {
      squares += next.squares
      otherSquares += next.otherSquares
      product += next.product
      shared += next.shared
      opposed += next.opposed
    }
  }

  /// Adds what two lists of values have in common to `sums`.
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
