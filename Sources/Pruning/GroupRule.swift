/// What is kept of a group: scores over a threshold, and of those that equal it the first.
struct GroupRule: Sendable, Equatable {
  /// Bits of the magnitude of a float32.
  var threshold: UInt32 = 0
  /// Elements of the tensor from this on are kept only if their score is over the threshold.
  var tieEnd = Int.max

  static let keepsAll = GroupRule()
}
