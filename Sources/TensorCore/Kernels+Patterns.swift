import Base
import CKernels

/// Kernels for N:M patterns: at most N nonzero values in each group of M F32 values.
extension Kernels {
  /// The number of groups that fit a pattern, and the energy that the pattern keeps.
  package struct PatternFit: Sendable, Equatable {
    package private(set) var groups = 0
    /// The number of groups with at most N nonzero values.
    package private(set) var fitting = 0
    /// The sum of the squares of the N largest magnitudes of each group.
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

    /// Adds the groups that follow. The order affects the last bits of the sum.
    package mutating func merge(_ next: PatternFit) {
      groups += next.groups
      fitting += next.fitting
      keptSquares += next.keptSquares
    }
  }

  /// Marks the `keep` largest magnitudes in each group of `group` values; of equal magnitudes, the first.
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
