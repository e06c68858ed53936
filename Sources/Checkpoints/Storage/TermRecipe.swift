import Base
package import Codecs

/// The terms that a tensor is stored as, such as `dense:int4:g64+lowrank:8+sparse:1%`.
///
/// `TERMS = dense:TYPE | lowrank:R | sparse:P%[:add|replace]`, joined by `+`, each at most once.
/// They are always stored in this order.
package struct TermRecipe: Sendable, Hashable {
  /// The sparse term of a recipe.
  package struct Sparse: Sendable, Hashable {
    /// The share of values with the largest magnitudes that the term keeps, above 0 and at most 1.
    package var share: Double
    package var mode: SparseMode
    /// The text that the share was parsed from.
    fileprivate var text: String

    package init(share: Double, mode: SparseMode) {
      self.init(share: share, mode: mode, text: "\(share)")
    }

    fileprivate init(share: Double, mode: SparseMode, text: String) {
      self.share = share
      self.mode = mode
      self.text = text
    }
  }

  /// The number of power iteration rounds in the GEAR paper.
  package static let defaultRoundCount = 3
  /// The number of rounds that bring the product within about one percent of the nearest one.
  package static let thoroughRoundCount = 10
  /// The maximum rank of a term.
  package static let rankLimit = 1 << 16

  package var dense: StorageType?
  package var rank: Int?
  package var sparse: Sparse?
  /// The number of rounds of the iteration that computes factors; more rounds come nearer to the best product.
  package var rounds = TermRecipe.defaultRoundCount

  package init(dense: StorageType? = nil, rank: Int? = nil, sparse: Sparse? = nil) {
    self.dense = dense
    self.rank = rank
    self.sparse = sparse
  }

  /// True if it has no terms.
  package var isEmpty: Bool { dense == nil && rank == nil && sparse == nil }

  package init(_ text: String) throws(StorageType.Problem) {
    for part in text.split(separator: "+", omittingEmptySubsequences: false).map(String.init) {
      let name = String(part.prefix { $0 != ":" })
      let rest = String(part.dropFirst(name.count + 1))
      func once(_ isTaken: Bool) throws(StorageType.Problem) {
        guard !isTaken else {
          throw StorageType.Problem(description: "'\(text.printable)' has two \(name) terms")
        }
      }
      switch name {
      case "dense":
        try once(dense != nil)
        dense = try StorageType(rest)
      case "lowrank":
        try once(rank != nil)
        guard let number = Int(rest), (1...Self.rankLimit).contains(number) else {
          throw StorageType.Problem(
            description: "'\(part.printable)' needs a rank of at least 1, as in lowrank:8")
        }
        rank = number
      case "sparse":
        try once(sparse != nil)
        sparse = try Self.sparse(rest, of: part)
      default:
        throw StorageType.Problem(
          description:
            "'\(part.printable)' is not a term; expected dense:TYPE, lowrank:R or sparse:P%"
        )
      }
    }
    if dense?.isLossless == true, rank != nil || sparse != nil {
      throw StorageType.Problem(
        description: "a lossless dense term cannot be combined with other terms")
    }
  }

  /// Creates a recipe from terms joined by `+`, or from the name of a type for a dense term.
  package init(typeOrTerms text: String) throws(StorageType.Problem) {
    let isSum =
      text.contains("+") || ["dense:", "lowrank:", "sparse:"].contains(where: text.hasPrefix)
    if isSum { try self.init(text) } else { self.init(dense: try StorageType(text)) }
  }

  /// True if zeros decode as zeros.
  ///
  /// All types have a code for zero except the ggml types with minima; products of factors have none.
  package var keepsZeros: Bool {
    guard rank == nil else { return false }
    guard case .ggml(let id)? = dense?.kind else { return true }
    return ![3, 7].contains(id)
  }

  private static func sparse(_ text: String, of part: String) throws(StorageType.Problem) -> Sparse
  {
    let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let first = words.first, let share = share(first), words.count <= 2 else {
      throw StorageType.Problem(
        description: "'\(part.printable)' needs a share above 0 and at most 100 %, as in sparse:1%")
    }
    guard words.count == 2 else { return Sparse(share: share, mode: .replace, text: first) }
    guard let mode = SparseMode(rawValue: words[1]) else {
      throw StorageType.Problem(
        description: "'\(part.printable)' has a mode that is not add or replace")
    }
    return Sparse(share: share, mode: mode, text: first)
  }

  /// Parses a share such as `1%` or `0.01`.
  private static func share(_ text: String) -> Double? {
    let isPercent = text.hasSuffix("%")
    guard let number = Double(isPercent ? String(text.dropLast()) : text) else { return nil }
    let share = isPercent ? number / 100 : number
    return share > 0 && share <= 1 ? share : nil
  }

  /// The recipe with factors within about one percent of the best product.
  package var thorough: TermRecipe {
    var result = self
    result.rounds = TermRecipe.thoroughRoundCount
    return result
  }

  package var isLossless: Bool { dense?.isLossless == true }
}

extension TermRecipe: CustomStringConvertible {
  package var description: String {
    if let dense, rank == nil, sparse == nil { return dense.description }
    var parts: [String] = []
    if let dense { parts.append("dense:\(dense)") }
    if let rank { parts.append("lowrank:\(rank)") }
    if let sparse {
      parts.append("sparse:\(sparse.text)" + (sparse.mode == .add ? ":add" : ""))
    }
    return parts.joined(separator: "+")
  }
}
