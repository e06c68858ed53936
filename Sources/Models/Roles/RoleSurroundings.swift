import Base
package import TensorCore

/// The facts about a whole model that the roles of its tensors depend on.
package struct RoleSurroundings {
  private let infos: [TensorInfo]
  /// The index in `infos` of each tensor, by name.
  private let indexes: [UTF8Key: Int]
  private let hiddenSize: Int?
  private let modelType: String?
  /// True if the layers with the names of GPT-2 are of its class `Conv1D`, with weights `[in, out]`.
  private let hasTransposedProducts: Bool

  /// The types of models whose layers are `Conv1D`.
  private static let transposedProducts: Set<String> = [
    "gpt2", "openai-gpt", "imagegpt", "decision_transformer",
  ]
  /// The types of models whose stacked experts are `[experts, in, out]`.
  private static let transposedExperts: Set<String> = [
    "gpt_oss", "llama4", "llama4_text", "qwen3_vl_moe", "qwen3_vl_moe_text",
  ]

  package init(_ infos: [TensorInfo], _ configuration: ModelConfiguration?) {
    self.infos = infos
    var indexes: [UTF8Key: Int] = [:]
    indexes.reserveCapacity(infos.count)
    for (index, info) in infos.enumerated() { indexes[UTF8Key(info.name)] = index }
    self.indexes = indexes
    hiddenSize = try? configuration?.hiddenSize
    modelType = try? configuration?.textModelType
    hasTransposedProducts =
      Self.transposedProducts(infos) ?? modelType.map(Self.transposedProducts.contains) ?? false
  }

  /// Returns true if the joint projections to queries, keys and values are `[in, 3 · in]`; nil if there are none.
  private static func transposedProducts(_ infos: [TensorInfo]) -> Bool? {
    for info in infos where info.name.hasSuffix("c_attn.weight") {
      let dimensions = info.shape.dimensions
      guard dimensions.count == 2, dimensions[0] != dimensions[1] else { continue }
      // A model that shares heads of keys and values has fewer outputs, and its layers are not `Conv1D`.
      return dimensions[1] == 3 * dimensions[0]
    }
    return nil
  }

  /// Returns the dimensions of the tensor with this name; nil if there is none.
  func shape(of name: String) -> [Int]? {
    indexes[UTF8Key(name)].map { infos[$0].shape.dimensions }
  }

  // MARK: Conditions

  /// Returns true if a condition on other tensors holds for the tensor `name`.
  func holds(_ condition: RoleRule.Beside, for name: String) -> Bool {
    switch condition {
    case .anything: return true
    case .sibling(let leaves):
      let stem = name.prefix(through: name.lastIndex { $0 == "." || $0 == "/" })
      return leaves.contains { shape(of: stem + $0) != nil }
    case .appended(let endings): return endings.contains { shape(of: name + $0) != nil }
    case .without(let endings):
      return endings.contains {
        name.hasSuffix($0) && shape(of: String(name.dropLast($0.count))) != nil
      }
    case .ending(let new, let old):
      return name.hasSuffix(old) && shape(of: name.dropLast(old.count) + new) != nil
    case .either(let conditions): return conditions.contains { holds($0, for: name) }
    }
  }

  // MARK: Outcomes

  /// Returns the role that the outcome of a rule means for a tensor.
  func role(_ outcome: RoleRule.Outcome, of info: TensorInfo) -> TensorRole {
    switch outcome {
    case .role(let role): role
    case .experts: .experts(hasInputsBeforeLast(info) ? .beforeLast : .last)
    case .productOfEitherOrder: .matrix(hasTransposedProducts ? .first : .last)
    }
  }

  /// Returns true if stacked matrices are `[in, out]`. The biases decide first, then the partner matrices, the hidden
  /// size, and the type of the model.
  private func hasInputsBeforeLast(_ info: TensorInfo) -> Bool {
    let (a, b) = (
      info.shape.dimensions[info.shape.dimensions.count - 2], info.shape.columnCount
    )
    if a != b {
      if let outputs = shape(of: info.name + "_bias")?.last, outputs == a || outputs == b {
        return outputs == b
      }
    }
    if let answer = hasInputsBeforeLastByPartner(info) { return answer }
    let words = NameWords(info.name)
    if let hiddenSize, a != b, a == hiddenSize || b == hiddenSize {
      let isDown = ["down", "w2", "output"].contains { words.module.contains($0) }
      return isDown ? b == hiddenSize : a == hiddenSize
    }
    return modelType.map(Self.transposedExperts.contains) ?? false
  }

  /// Compares the shapes of `gate_up_proj`, which has twice the outputs, and `down_proj`.
  /// - Returns: true if the matrices are `[in, out]`; nil if the shapes do not decide.
  private func hasInputsBeforeLastByPartner(_ info: TensorInfo) -> Bool? {
    let (gateUp, down) = ("gate_up_proj", "down_proj")
    let isGateUp = info.name.contains(gateUp)
    guard isGateUp || info.name.contains(down) else { return nil }
    let partner =
      isGateUp
      ? info.name.replacing(last: gateUp, with: down)
      : info.name.replacing(last: down, with: gateUp)
    guard let other = shape(of: partner), other.count == info.shape.dimensions.count,
      other.count > 1
    else { return nil }
    let first = (isGateUp ? info.shape.dimensions : other).suffix(2).map(\.self)
    let second = (isGateUp ? other : info.shape.dimensions).suffix(2).map(\.self)
    if first[0] == 2 * second[1], first[1] == second[0] { return false }
    if first[1] == 2 * second[0], first[0] == second[1] { return true }
    return nil
  }
}

extension String {
  /// Returns the string up to and including `index`; an empty string if that is nil.
  fileprivate func prefix(through index: Index?) -> String {
    index.map { String(self[...$0]) } ?? ""
  }

  /// Returns the string with the last occurrence of `part` replaced.
  fileprivate func replacing(last part: String, with other: String) -> String {
    guard let range = ranges(of: part).last else { return self }
    return self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
