/// The rule that selects the kept weights of a tensor.
struct TensorRule: Sendable {
  enum Choice: Sendable {
    /// A rule for each group of `length` consecutive elements.
    case groups(length: Int, [GroupRule])
    /// The `kept` highest scores of each group of `group` adjacent elements.
    case pattern(kept: Int, group: Int)
  }

  var choice: Choice
}
