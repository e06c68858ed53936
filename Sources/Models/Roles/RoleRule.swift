package import TensorCore

/// A rule that gives tensors of a kind their role: all its conditions must hold.
package struct RoleRule: Sendable {
  /// A condition on the name. Names are split at `.` and `/`, and compared in lower case.
  enum Name: Sendable {
    case any
    /// The last word is one of these.
    case leaf(Set<String>)
    case leafPrefix([String])
    case leafSuffix([String])
    /// The module is one of these: the last word, or the one before a word such as `weight`.
    case module(Set<String>)
    case moduleSuffix([String])
    /// The module, with what stands before it, ends with one of these.
    case modulePathSuffix([String])
    /// The whole name ends with one of these.
    case suffix([String])
    /// One of the words is one of these.
    case word(Set<String>)
    /// One of the words contains one of these.
    case wordContaining([String])
  }

  enum Form: Sendable {
    case any
    case rank(ClosedRange<Int>)
    /// All dimensions but one are 1.
    case vector
    /// Square matrices under dimensions of 1.
    case mask
    /// Three dimensions, the last as short as the kernel of a convolution.
    case shortLast
  }

  enum Values: Sendable {
    case any
    case floats
    /// No F16, BF16, F32 or F64.
    case narrow
    case dtype(DType)
  }

  /// A condition on the names of other tensors.
  enum Beside: Sendable {
    case anything
    /// One of these is in the place of the last word.
    case sibling([String])
    /// One of these follows the name.
    case appended([String])
    /// There is the name without one of these endings.
    case without([String])
    /// There is the name with one ending in the place of another.
    case ending(String, insteadOf: String)
    /// One of several conditions holds.
    indirect case either([Beside])
  }

  enum Outcome: Sendable {
    case role(TensorRole)
    /// Experts, whose inputs are along one of the last two axes.
    case experts
    /// A matrix that is `[out, in]` in some models and `[in, out]` in others.
    case productOfEitherOrder
  }

  /// A tensor of a real model that shows the need of the rule.
  package struct Example: Sendable {
    package var name: String
    package var shape: [Int]
    package var dtype: DType
    /// Names of other tensors.
    package var beside: [String]

    init(_ name: String, _ shape: [Int], _ dtype: DType = .bf16, beside: [String] = []) {
      self.name = name
      self.shape = shape
      self.dtype = dtype
      self.beside = beside
    }
  }

  let name: [Name]
  let form: Form
  let values: Values
  let beside: Beside
  let outcome: Outcome
  package let example: Example

  init(
    _ name: Name..., form: Form = .any, values: Values = .any, beside: Beside = .anything,
    decidedAs outcome: Outcome, example: Example
  ) {
    self.name = name
    self.form = form
    self.values = values
    self.beside = beside
    self.outcome = outcome
    self.example = example
  }

  init(
    _ name: Name..., form: Form = .any, values: Values = .any, beside: Beside = .anything,
    is role: TensorRole, example: Example
  ) {
    self.name = name
    self.form = form
    self.values = values
    self.beside = beside
    outcome = .role(role)
    self.example = example
  }

  /// The words that the rule asks of the end of a name; nil if other names fit too.
  var leaves: Set<String>? {
    for case .leaf(let leaves) in name { return leaves }
    return nil
  }
}

// MARK: Matching

/// The words of a name, in lower case.
struct NameWords {
  let text: String
  let words: [String]
  /// The last word.
  let leaf: String
  /// The last word, or the one before a word such as `weight`.
  let module: String
  /// All words up to and with the module.
  let modulePath: Substring

  /// Last words that name a parameter of the module before them.
  private static let parameters: Set<String> = [
    "weight", "kernel", "embedding", "bias", "scale", "gamma", "beta",
  ]

  init(_ name: String) {
    text = name.lowercased()
    let parts = text.split(omittingEmptySubsequences: false) { $0 == "." || $0 == "/" }
    words = parts.map(String.init)
    leaf = words[words.count - 1]
    let place = words.count - (words.count > 1 && Self.parameters.contains(leaf) ? 2 : 1)
    module = words[place]
    modulePath = text[..<parts[place].endIndex]
  }
}

extension RoleRule.Name {
  func matches(_ name: NameWords) -> Bool {
    switch self {
    case .any: true
    case .leaf(let leaves): leaves.contains(name.leaf)
    case .leafPrefix(let prefixes): prefixes.contains { name.leaf.hasPrefix($0) }
    case .leafSuffix(let suffixes): suffixes.contains { name.leaf.hasSuffix($0) }
    case .module(let modules): modules.contains(name.module)
    case .moduleSuffix(let suffixes): suffixes.contains { name.module.hasSuffix($0) }
    case .modulePathSuffix(let suffixes): suffixes.contains { name.modulePath.hasSuffix($0) }
    case .suffix(let suffixes): suffixes.contains { name.text.hasSuffix($0) }
    case .word(let words): name.words.contains(where: words.contains)
    case .wordContaining(let parts):
      name.words.contains { word in parts.contains { word.contains($0) } }
    }
  }
}

extension RoleRule.Form {
  /// Convolutions of one dimension have kernels that are seldom longer.
  private static let kernelLimit = 16

  func matches(_ shape: Shape) -> Bool {
    let dimensions = shape.dimensions
    return switch self {
    case .any: true
    case .rank(let ranks): ranks.contains(dimensions.count)
    case .vector: dimensions.count { $0 != 1 } < 2
    case .mask:
      dimensions.count > 2 && dimensions.last == dimensions[dimensions.count - 2]
        && dimensions.dropLast(2).allSatisfy { $0 == 1 }
    case .shortLast: dimensions.count == 3 && dimensions[2] <= Self.kernelLimit
    }
  }
}

extension RoleRule.Values {
  func matches(_ dtype: DType) -> Bool {
    switch self {
    case .any: true
    case .floats: dtype.isFloat
    case .narrow: !dtype.isPlainFloat
    case .dtype(let wanted): dtype == wanted
    }
  }
}
