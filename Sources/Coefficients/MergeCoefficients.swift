package import Recipes

/// A table of merge coefficients: the weight of each task vector, for all tensors or for each tensor.
///
/// A file names its grouping:
/// - `task`: one row with the key `*` for all tensors.
/// - `tensor`: a row for each tensor name.
/// - `qkv`: a row for each tensor name; query, key and value share the row of the fused tensor's name.
/// - `block`: a row for each prefix of tensor names; the longest matching prefix applies.
///
/// `ties` is the share of each difference that the coefficients were learned for.
///
/// Source: Yang et al., "AdaMerging", ICLR 2024, which learns such coefficients.
package struct MergeCoefficients: Sendable, Equatable {
  /// The rule that maps a tensor to its row.
  package enum Grouping: String, CaseIterable, Sendable {
    case task, tensor, qkv, block
  }

  package let path: String
  package let grouping: Grouping
  /// The coefficients by row; a row contains one coefficient for each model.
  package let rows: [String: [Double]]
  /// The models of the columns, if the file names them.
  package let models: [String]?
  /// The share of each difference that was kept while the coefficients were learned, 1 for all; nil if the file has none.
  package let ties: Double?

  /// Reads the table from a parsed JSON or YAML file.
  ///
  /// - Throws: All faults of the table together, each with its line.
  package init(_ value: RecipeValue, path: String) throws {
    var reader = MergeCoefficientsReader(path: path)
    try reader.read(value)
    self.path = path
    grouping = reader.grouping!
    models = reader.models
    ties = reader.ties
    rows = reader.clampedRows
  }

  /// Returns the name of the row with the coefficients of `tensor`; nil if no row applies.
  package func row(of tensor: String) -> String? {
    switch grouping {
    case .task: return rows["*"] == nil ? nil : "*"
    case .tensor: return rows[tensor] == nil ? defaultRow : tensor
    case .qkv:
      return Self.fusedNames(of: tensor).first { rows[$0] != nil } ?? defaultRow
    case .block:
      let fitting = rows.keys.filter {
        tensor == $0
          || (tensor.hasPrefix($0)
            && ($0.hasSuffix(".") || tensor.dropFirst($0.count).first == "."))
      }
      return fitting.max { $0.utf8.count < $1.utf8.count } ?? defaultRow
    }
  }

  private var defaultRow: String? { rows["*"] == nil ? nil : "*" }

  private static let parts = [
    "q_proj", "k_proj", "v_proj", "query", "key", "value", "to_q", "to_k", "to_v",
  ]
  private static let fused = ["qkv_proj", "qkv", "in_proj", "query_key_value", "to_qkv", "c_attn"]

  /// Returns the name of `tensor`, followed by the names that a fused query, key and value tensor could have.
  static func fusedNames(of tensor: String) -> [String] {
    var words = tensor.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let index = words.lastIndex(where: parts.contains) else { return [tensor] }
    var names = [tensor]
    for name in fused {
      words[index] = name
      names.append(words.joined(separator: "."))
    }
    // torch.nn.MultiheadAttention names them `in_proj_weight` and `in_proj_bias`.
    if index + 1 == words.count - 1 {
      names.append((words[..<index] + ["in_proj_" + words[index + 1]]).joined(separator: "."))
    }
    return names
  }
}
