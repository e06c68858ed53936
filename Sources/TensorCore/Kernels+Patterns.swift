import Base
import CKernels

/// Patterns of at most N values that are not 0 in each group of M F32 values.
extension Kernels {
  /// How well groups fit a pattern.
  package struct PatternFit: Sendable, Equatable {
    package private(set) var groups = 0
    /// Groups with at most N values that are not 0.
    package private(set) var fitting = 0
    /// The sum of squares of the N largest of each group.
    package private(set) var keptSquares = 0.0

    package init() {}

    fileprivate init(_ fit: sumac_pattern_fit) {
      groups = Int(fit.groups)
      fitting = Int(fit.fitting)
      keptSquares = fit.kept_squares
    }

    fileprivate var forKernels: sumac_pattern_fit {
      sumac_pattern_fit(
        groups: UInt64(groups), fitting: UInt64(fitting), kept_squares: keptSquares)
    }

    /// Adds what follows. The order matters to the last bits of the sum.
    package mutating func merge(_ next: PatternFit) {
      groups += next.groups
      fitting += next.fitting
      keptSquares += next.keptSquares
    }
  }

  /// Marks the `keep` largest magnitudes of each `group` values, the first of equal ones.
  @_lifetime(mask: copy mask)
  package func patternMask(
    _ values: borrowing RawSpan, keep: Int, group: Int, into mask: inout MutableRawSpan
  ) {
    let count = values.byteCount / 4
    precondition(keep > 0 && keep <= group)
    precondition(mask.byteCount >= Self.maskByteCount(elementCount: count))
    // SAFETY: the loop reads `count` values and writes a bit for each.
    unsafe mask.withUnsafeMutableBytes { mask in
      unsafe values.withUnsafeBytes { values in
        unsafe table.pointee.pattern_mask(
          values.baseAddress, count, keep, group, mask.baseAddress)
      }
    }
  }

  /// Adds the groups of `values` to `fit`.
  package func patternFit(
    _ values: borrowing RawSpan, keep: Int, group: Int, into fit: inout PatternFit
  ) {
    precondition(keep > 0 && keep <= group)
    var sums = fit.forKernels
    // SAFETY: the loop reads as many whole values as the region holds.
    unsafe values.withUnsafeBytes {
      unsafe table.pointee.pattern_fit($0.baseAddress, $0.count / 4, keep, group, &sums)
    }
    fit = PatternFit(sums)
  }
}
