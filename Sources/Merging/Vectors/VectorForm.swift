package import Encoding
import PackedFormat
package import Base
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
        UsageError("--density is \(density), expected a share above 0 and at most 1, such as 10%"))
    }
    if let rank, !(1...LowRankTerm.rankLimit).contains(rank) {
      errors.append(UsageError("--rank is \(rank), expected 1 to \(LowRankTerm.rankLimit)"))
    }
    if type?.isLossless == true {
      errors.append(
        UsageError("--type lossless stores all values", hint: "leave it out, or name a type"))
    }
    return errors
  }

  /// The terms of a tensor; nil if all its values are stored without loss.
  ///
  /// Types and ranks are for weights. A rank that a matrix does not have becomes the one it has.
  func recipe(for info: TensorInfo) -> TermRecipe? {
    guard info.dtype.isPlainFloat, info.elementCount > 0 else { return nil }
    func fitting(_ parts: [String]) -> TermRecipe? {
      guard !parts.isEmpty, let recipe = try? TermRecipe(parts.joined(separator: "+")),
        SumEncoding.fault(recipe, info) == nil
      else { return nil }
      return recipe.thorough
    }
    let sparse = density.map { ["sparse:\($0):add"] } ?? []
    var weights: [String] = []
    if info.isWeight {
      if let type, fitting(["dense:\(type)"]) != nil { weights.append("dense:\(type)") }
      if let rank {
        let product = "lowrank:\(min(rank, info.shape.dimensions.suffix(2).min() ?? rank))"
        if fitting([product]) != nil { weights.append(product) }
      }
    }
    return fitting(weights + sparse) ?? fitting(sparse)
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
