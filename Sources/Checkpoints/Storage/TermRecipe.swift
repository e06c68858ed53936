import Base
package import Codecs

/// Which terms a tensor becomes, as the command line names them:
/// `dense:int4:g64+lowrank:8+sparse:1%`.
///
/// `TERMS = dense:TYPE | lowrank:R | sparse:P%[:add|replace]`, joined by `+`, each at most once.
/// They are stored in this order, whatever the order they are given in.
package struct TermRecipe: Sendable, Hashable {
  package struct Sparse: Sendable, Hashable {
    /// Of the values with the largest magnitudes, above 0 and at most 1.
    package var share: Double
    package var mode: SparseMode
    /// The share as it was given.
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

  /// Rounds of power iteration of the GEAR paper.
  package static let standardRoundCount = 3
  /// Rounds that bring the product within about a percent of the nearest one.
  package static let thoroughRoundCount = 10
  /// The largest rank of a term.
  package static let rankLimit = 1 << 16

  package var dense: StorageType?
  package var rank: Int?
  package var sparse: Sparse?
  /// Rounds of the iteration that finds factors; more come nearer to the best product.
  package var rounds = TermRecipe.standardRoundCount

  package init(dense: StorageType? = nil, rank: Int? = nil, sparse: Sparse? = nil) {
    self.dense = dense
    self.rank = rank
    self.sparse = sparse
  }

  /// Whether it has no term.
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
            description: "'\(part.printable)' needs a rank from 1, as in lowrank:8")
        }
        rank = number
      case "sparse":
        try once(sparse != nil)
        sparse = try Self.sparse(rest, of: part)
      default:
        throw StorageType.Problem(
          description: "'\(part.printable)' is no term; expected dense:TYPE, lowrank:R or sparse:P%"
        )
      }
    }
    if dense?.isLossless == true, rank != nil || sparse != nil {
      throw StorageType.Problem(description: "nothing is left to add to a lossless dense term")
    }
  }

  /// A sum of terms, or the name of a type for a dense one.
  package init(typeOrTerms text: String) throws(StorageType.Problem) {
    let isSum =
      text.contains("+") || ["dense:", "lowrank:", "sparse:"].contains(where: text.hasPrefix)
    if isSum { try self.init(text) } else { self.init(dense: try StorageType(text)) }
  }

  /// Whether what is 0 is decoded as 0: all types have a code for it but those of ggml with minima,
  /// and products of factors have not.
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

  /// `1%` or `0.01`.
  private static func share(_ text: String) -> Double? {
    let isPercent = text.hasSuffix("%")
    guard let number = Double(isPercent ? String(text.dropLast()) : text) else { return nil }
    let share = isPercent ? number / 100 : number
    return share > 0 && share <= 1 ? share : nil
  }

  /// The recipe with factors that come within about a percent of the best product.
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
