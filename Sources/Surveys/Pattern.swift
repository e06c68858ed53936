/// N:M sparsity: at most N of M neighbouring values in a row are not zero.
///
/// Groups end at the ends of rows, and of the blocks that rows of over 1 MiB are cut in.
package struct Pattern: Sendable, Equatable, CustomStringConvertible {
  package let kept: Int
  package let group: Int

  /// nil unless 0 < N < M ≤ 1024.
  package init?(kept: Int, group: Int) {
    guard kept > 0, kept < group, group <= 1024 else { return nil }
    self.kept = kept
    self.group = group
  }

  /// From text such as `2:4`.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let kept = parts[0], let group = parts[1] else { return nil }
    self.init(kept: kept, group: group)
  }

  package static let twoOfFour = Pattern(kept: 2, group: 4)!

  package var description: String { "\(kept):\(group)" }
}
