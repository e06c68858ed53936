package import Base
package import Checkpoints
import Codecs
import Models
import Packing
import TensorCore

/// The storage of a vector: the terms that its tensors are stored as.
package struct VectorForm: Sendable {
  /// The share of values with the largest magnitudes that are kept, above 0 and up to 1; nil for all.
  package var density: Double?
  /// The rank of the low-rank products that weights are stored as; nil for none.
  package var rank: Int?
  /// The type that weights are quantized to; nil for none.
  package var type: StorageType?

  package init(density: Double? = nil, rank: Int? = nil, type: StorageType? = nil) {
    self.density = density
    self.rank = rank
    self.type = type
  }

  /// True if all values are stored without loss.
  package var isDense: Bool { density == nil && rank == nil && type == nil }

  /// All errors in the values of the form.
  package var errors: [any UserError] {
    var errors: [any UserError] = []
    if let density, !(density > 0 && density <= 1) {
      errors.append(
        UsageError(
          "\(setting: "density") is \(density), expected a share above 0 and up to 1, such as 10%"
        ))
    }
    if let rank, !(1...TermRecipe.rankLimit).contains(rank) {
      errors.append(
        UsageError("\(setting: "rank") is \(rank), expected 1 to \(TermRecipe.rankLimit)"))
    }
    if type?.isLossless == true {
      errors.append(
        UsageError(
          "\(setting: "type") is lossless, expected a lossy type",
          hint: "remove it, or name another type"))
    }
    return errors
  }

  /// Returns the terms of a tensor; nil if all its values are stored without loss.
  ///
  /// Types and ranks apply to weights only. The rank is limited to the smaller dimension of the matrix.
  /// - Parameter roles: The roles of the tensors of the model.
  func recipe(for info: TensorInfo, _ roles: TensorRoles) -> TermRecipe? {
    guard info.dtype.isPlainFloat, info.elementCount > 0 else { return nil }
    let rows = roles.rows(of: info)
    func fitting(_ recipe: TermRecipe) -> TermRecipe? {
      recipe.isEmpty || SumEncoding.fault(recipe, info, rows: rows) != nil
        ? nil : recipe.thorough
    }
    var recipe = TermRecipe()
    if roles.exemption(of: info) == nil {
      if let type, fitting(TermRecipe(dense: type)) != nil { recipe.dense = type }
      if let rank {
        let rank = min(rank, SumEncoding.maximumRank(info.shape, rows) ?? rank)
        if fitting(TermRecipe(rank: rank)) != nil { recipe.rank = rank }
      }
    }
    let sparse = density.map { TermRecipe.Sparse(share: $0, mode: .add) }
    recipe.sparse = sparse
    return fitting(recipe) ?? fitting(TermRecipe(sparse: sparse))
  }

  /// The options of the form for the lineage.
  var lineageText: [(name: String, value: String)] {
    var result: [(String, String)] = []
    if let density { result.append(("density", String(density))) }
    if let rank { result.append(("rank", String(rank))) }
    if let type { result.append(("type", type.description)) }
    return result
  }
}
