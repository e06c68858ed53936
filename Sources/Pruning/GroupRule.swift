/// What is kept of a group: scores over a threshold, and of those that equal it the first.
struct GroupRule: Sendable, Equatable {
  /// Bits of the magnitude of a float32.
  var threshold: UInt32 = 0
  /// Elements of the tensor from this on are kept only if their score is over the threshold.
  var tieEnd = Int.max

  static let keepsAll = GroupRule()
}

/// What is kept of a tensor.
struct TensorRule: Sendable {
  enum Choice: Sendable {
    /// A rule for each group of so many consecutive elements.
    case groups(length: Int, [GroupRule])
    /// The best of each group of neighbours.
    case pattern(kept: Int, group: Int)
  }

  var choice: Choice
}
