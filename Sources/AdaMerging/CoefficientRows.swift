import Checkpoints
package import Coefficients

/// The rows of a table of coefficients, and the row of each tensor.
///
/// A tensor that is an alias of another one shares the coefficients of that one, and has a row of its own in the table.
package struct CoefficientRows: Sendable {
  package let grouping: MergeCoefficients.Grouping
  /// The names in the table, with the index of their coefficients.
  package private(set) var entries: [(name: String, index: Int)] = []
  /// The number of different rows.
  package private(set) var count = 0
  private var indices: [String: Int] = [:]

  /// - Parameters:
  ///   - tensors: The tensors in the order of the rows.
  ///   - blocks: The prefixes of the names of tensors in blocks, each with its dot.
  package init(
    _ tensors: [LearnedTensor], _ grouping: MergeCoefficients.Grouping, blocks: [String]
  ) {
    self.grouping = grouping
    var known: [String: Int] = [:]
    let originals = tensors.filter { $0.base.aliasOf == nil }
    for tensor in originals + tensors.filter({ $0.base.aliasOf != nil }) {
      let row = MergeCoefficients.rowName(of: tensor.name, grouping, blocks: blocks)
      let shared = tensor.base.aliasOf.flatMap { indices[$0] }
      let index = known[row] ?? shared ?? count
      if known[row] == nil {
        known[row] = index
        entries.append((row, index))
        count = max(count, index + 1)
      }
      indices[tensor.name] = index
    }
  }

  /// The index of the coefficients of a tensor; nil if it has none.
  package subscript(tensor: String) -> Int? { indices[tensor] }

  /// Returns the table with coefficients that are limited to 0 to 1.
  /// - Parameters:
  ///   - raw: The coefficients of each row, one row after another.
  ///   - ties: The share of each difference that was kept, 1 for all.
  package func table(
    _ raw: [Double], models: [String], ties: Double, path: String
  ) -> MergeCoefficients {
    var rows: [String: [Double]] = [:]
    for (name, index) in entries {
      rows[name] = raw[index * models.count..<(index + 1) * models.count].map(Self.limited)
    }
    return MergeCoefficients(grouping, models: models, ties: ties, rows: rows, path: path)
  }

  /// Returns a coefficient as the merge uses it: between 0 and 1.
  static func limited(_ raw: Double) -> Double { min(1, max(0, raw)) }
}
