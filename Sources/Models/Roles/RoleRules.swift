package import TensorCore

/// The rules that give tensors their roles, in order: the first that fits counts.
package enum RoleRules {
  package static let all = quantized + adapters + buffers + vectors + embeddings + products

  /// The rules that may fit names with a certain last word, in order.
  private static let byLeaf: [String: [Int]] = {
    let leaves = Set(all.flatMap { $0.leaves ?? [] })
    return Dictionary(
      uniqueKeysWithValues: leaves.map { leaf in
        (leaf, all.indices.filter { all[$0].leaves?.contains(leaf) ?? true })
      })
  }()

  /// The rules that may fit names with any other last word.
  private static let others = all.indices.filter { all[$0].leaves == nil }

  /// Returns the first rule that fits; nil if none does.
  package static func rule(for info: TensorInfo, in model: RoleSurroundings) -> RoleRule? {
    let name = NameWords(info.name)
    let candidates = byLeaf[name.leaf] ?? others
    return candidates.first { place in
      let rule = all[place]
      return rule.form.matches(info.shape) && rule.values.matches(info.dtype)
        && rule.name.allSatisfy { $0.matches(name) } && model.holds(rule.beside, for: info.name)
    }.map { all[$0] }
  }
}
