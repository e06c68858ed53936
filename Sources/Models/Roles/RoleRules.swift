package import TensorCore

/// The ordered table of rules for roles. The first rule that fits a tensor decides.
package enum RoleRules {
  package static let all = quantized + adapters + buffers + vectors + embeddings + products

  /// The indexes of the rules that may fit names with each known last word, in order.
  private static let byLeaf: [String: [Int]] = {
    let leaves = Set(all.flatMap { $0.leaves ?? [] })
    return Dictionary(
      uniqueKeysWithValues: leaves.map { leaf in
        (leaf, all.indices.filter { all[$0].leaves?.contains(leaf) ?? true })
      })
  }()

  /// The indexes of the rules that may fit names with any other last word, in order.
  private static let others = all.indices.filter { all[$0].leaves == nil }

  /// Returns the first rule that fits; nil if none does.
  package static func rule(for info: TensorInfo, in model: RoleSurroundings) -> RoleRule? {
    let name = NameWords(info.name)
    let candidates = byLeaf[name.leaf] ?? others
    return candidates.first { index in
      let rule = all[index]
      return rule.form.matches(info.shape) && rule.values.matches(info.dtype)
        && rule.name.allSatisfy { $0.matches(name) } && model.holds(rule.beside, for: info.name)
    }.map { all[$0] }
  }
}
