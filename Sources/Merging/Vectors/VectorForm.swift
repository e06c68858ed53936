package import Base
package import Checkpoints
import Codecs
import Packing
import TensorCore

/// How a vector is stored: which terms its tensors become.
package struct VectorForm: Sendable {
  /// The share of values that are kept, those of the largest magnitudes.
  package var density: Double?
  /// Of products of factors, for weights.
  package var rank: Int?
  /// What weights are quantized to.
  package var type: StorageType?

  package init(density: Double? = nil, rank: Int? = nil, type: StorageType? = nil) {
    self.density = density
    self.rank = rank
    self.type = type
  }

  package var isDense: Bool { density == nil && rank == nil && type == nil }

  package var errors: [any UserError] {
    var errors: [any UserError] = []
    if let density, !(density > 0 && density <= 1) {
      errors.append(
        UsageError(
          "\(setting: "density") is \(density), expected a share above 0 and at most 1, such as 10%"
        ))
    }
    if let rank, !(1...TermRecipe.rankLimit).contains(rank) {
      errors.append(
        UsageError("\(setting: "rank") is \(rank), expected 1 to \(TermRecipe.rankLimit)"))
    }
    if type?.isLossless == true {
      errors.append(
        UsageError(
          "\(setting: "type") lossless stores all values", hint: "leave it out, or name a type"))
    }
    return errors
  }

  /// The terms of a tensor; nil if all its values are stored without loss.
  ///
  /// Types and ranks are for weights. A rank that a matrix does not have becomes the one it has.
  func recipe(for info: TensorInfo) -> TermRecipe? {
    guard info.dtype.isPlainFloat, info.elementCount > 0 else { return nil }
    func fitting(_ recipe: TermRecipe) -> TermRecipe? {
      recipe.isEmpty || SumEncoding.fault(recipe, info) != nil ? nil : recipe.thorough
    }
    var recipe = TermRecipe()
    if info.isWeight {
      if let type, fitting(TermRecipe(dense: type)) != nil { recipe.dense = type }
      if let rank {
        let rank = min(rank, info.shape.dimensions.suffix(2).min() ?? rank)
        if fitting(TermRecipe(rank: rank)) != nil { recipe.rank = rank }
      }
    }
    let sparse = density.map { TermRecipe.Sparse(share: $0, mode: .add) }
    recipe.sparse = sparse
    return fitting(recipe) ?? fitting(TermRecipe(sparse: sparse))
  }

  /// What is said of it in lineage.
  var lineageText: [(name: String, value: String)] {
    var result: [(String, String)] = []
    if let density { result.append(("density", String(density))) }
    if let rank { result.append(("rank", String(rank))) }
    if let type { result.append(("type", type.description)) }
    return result
  }
}
