/// An error in a pattern: what is wrong, and where in its text.
struct PatternError: Error, Equatable {
  var reason: String
  /// The offset in scalars from the start of the pattern.
  var scalarOffset: Int
}
