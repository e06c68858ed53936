/// The way in which the kept values of a sparse term combine with the terms before it.
package enum SparseMode: String, Sendable, CaseIterable {
  /// The values are added to the sum.
  case add
  /// The values replace the sum at their positions.
  case replace
}
