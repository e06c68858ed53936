package import TensorCore

/// A rule that assigns a role to the tensors that meet all its conditions.
package struct RoleRule: Sendable {
  /// A condition on the name. Names are split at `.` and `/`, and compared in lower case.
  enum Name: Sendable {
    case any
    /// The last word is one of these.
    case leaf(Set<String>)
    /// The last word starts with one of these.
    case leafPrefix([String])
    /// The last word ends with one of these.
    case leafSuffix([String])
    /// The module is one of these: the last word, or the one before a word such as `weight`.
    case module(Set<String>)
    /// The module ends with one of these.
    case moduleSuffix([String])
    /// The name up to and including the module ends with one of these.
    case modulePathSuffix([String])
    /// The whole name ends with one of these.
    case suffix([String])
    /// The name contains one of these words.
    case word(Set<String>)
    /// The name contains a word that contains one of these.
    case wordContaining([String])
  }

  /// A condition on the shape.
  enum Form: Sendable {
    case any
    /// The number of dimensions is in this range.
    case rank(ClosedRange<Int>)
    /// At most one dimension is not 1.
    case vector
    /// Square matrices with leading dimensions of 1.
    case mask
    /// Three dimensions, with a last one as short as the kernel of a convolution.
    case shortLast
  }

  /// A condition on the dtype.
  enum Values: Sendable {
    case any
    /// Any float dtype.
    case floats
    /// Any dtype except F16, BF16, F32 and F64.
    case narrow
    /// Exactly this dtype.
    case dtype(DType)
  }

  /// A condition on the names of other tensors.
  enum Beside: Sendable {
    case anything
    /// A tensor exists whose name has one of these as its last word instead.
    case sibling([String])
    /// A tensor exists whose name is this name followed by one of these.
    case appended([String])
    /// A tensor exists whose name is this name without one of these endings.
    case without([String])
    /// A tensor exists whose name has the first ending instead of the second.
    case ending(String, insteadOf: String)
    /// At least one of these conditions holds.
    indirect case either([Beside])
  }

  /// The result of a rule.
  enum Outcome: Sendable {
    /// This role.
    case role(TensorRole)
    /// Experts; the other tensors of the model decide whether the inputs are on the last axis or the one before.
    case experts
    /// A matrix that is `[out, in]` in some models and `[in, out]` in others.
    case productOfEitherOrder
  }

  /// A tensor of a real model for which the rule is needed.
  package struct Example: Sendable {
    package var name: String
    package var shape: [Int]
    package var dtype: DType
    /// The names of other tensors of the model that the rule depends on.
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

  /// The last words that the rule accepts; nil if the rule has no condition of this kind.
  var leaves: Set<String>? {
    for case .leaf(let leaves) in name { return leaves }
    return nil
  }
}

// MARK: Matching

/// The words of a tensor name, in lower case.
struct NameWords {
  /// The whole name.
  let text: String
  /// The parts of the name between `.` and `/`.
  let words: [String]
  /// The last word.
  let leaf: String
  /// The last word, or the one before a word such as `weight`.
  let module: String
  /// The name up to and including the module.
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
    let moduleIndex = words.count - (words.count > 1 && Self.parameters.contains(leaf) ? 2 : 1)
    module = words[moduleIndex]
    modulePath = text[..<parts[moduleIndex].endIndex]
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
  /// The largest kernel length that is assumed for a convolution of one dimension.
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
