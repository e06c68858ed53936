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
