/// An N:M sparsity pattern: at most N of M adjacent values in a row are nonzero.
///
/// A group does not extend past the end of a row, or past a block of a row of more than 1 MiB.
package struct Pattern: Sendable, Equatable, CustomStringConvertible {
  /// N, the maximum number of nonzero values in a group.
  package let kept: Int
  /// M, the number of values in a group.
  package let group: Int

  /// Creates a pattern; nil unless 0 < N < M ≤ 1024.
  package init?(kept: Int, group: Int) {
    guard kept > 0, kept < group, group <= 1024 else { return nil }
    self.kept = kept
    self.group = group
  }

  /// Creates a pattern from text such as `2:4`; nil if the text or its numbers are invalid.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let kept = parts[0], let group = parts[1] else { return nil }
    self.init(kept: kept, group: group)
  }

  package static let twoOfFour = Pattern(kept: 2, group: 4)!

  package var description: String { "\(kept):\(group)" }
}
