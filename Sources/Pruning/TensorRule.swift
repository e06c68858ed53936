import Surveys

/// The rule that selects the kept weights of a tensor.
struct TensorRule: Sendable {
  enum Choice: Sendable {
    /// A rule for each group of `length` consecutive elements.
    case groups(length: Int, [GroupRule])
    /// A rule for each row. The elements of the rules are counted row by row.
    case rows([GroupRule])
    /// The `kept` highest scores of each group of `group` elements that follow each other in a row.
    case pattern(kept: Int, group: Int)
  }

  var choice: Choice
}

extension TensorRule {
  init(_ pattern: Pattern) {
    self.init(choice: .pattern(kept: pattern.kept, group: pattern.group))
  }
}
