/// How the kept values of a sparse term combine with the terms before it.
package enum SparseMode: String, Sendable, CaseIterable {
  /// They are added to the sum.
  case add
  /// They replace it where they stand.
  case replace
}
