/// The rule that selects the kept weights of a group: scores over a threshold, and the first of the scores
/// that equal it.
struct GroupRule: Sendable, Equatable {
  /// The threshold, as the bits of a float32 magnitude.
  var threshold: UInt32 = 0
  /// The first element of the tensor from which scores that equal the threshold are not kept.
  var tieEnd = Int.max

  static let keepsAll = GroupRule()
}
