import Base
package import Recipes
import TensorCore

/// A table of merge coefficients: the weight of each task vector, for all tensors or for each tensor.
///
/// A file names its grouping:
/// - `task`: one row with the key `*` for all tensors.
/// - `tensor`: a row for each tensor name.
/// - `qkv`: a row for each tensor name; query, key and value share the row of the fused tensor's name.
/// - `block`: a row for each prefix of tensor names; the longest matching prefix applies.
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

  /// Reads the table from a parsed JSON or YAML file.
  ///
  /// - Throws: All faults of the table together, each with its line.
  package init(_ value: RecipeValue, path: String) throws {
    self.path = path
    func fault(_ line: Int, _ reason: Message, hint: Message? = nil) -> UsageError {
      UsageError("\(path.printable): line \(line): \(reason)", hint: hint)
    }
    guard let map = value.asMap else {
      throw fault(value.line, "is \(value.kind), expected a map with grouping and coefficients")
    }
    var errors: [any UserError] = []
    var (grouping, rows, models): (Grouping?, [String: [Double]], [String]?) = (nil, [:], nil)
    var clamps = false
    for member in map {
      switch member.key {
      case "grouping":
        grouping = member.value.asString.flatMap(Grouping.init)
        if grouping == nil {
          errors.append(
            fault(
              member.value.line, "grouping is not known, expected task, tensor, qkv or block",
              hint: "change grouping to one of these"))
        }
      case "models":
        models = member.value.asList?.compactMap(\.asString)
        if models == nil || models?.count != member.value.asList?.count {
          errors.append(
            fault(member.value.line, "models is not a list of names", hint: "use [NAME, NAME]"))
        }
      case "clamp":
        guard let flag = member.value.asBool else {
          errors.append(
            fault(member.value.line, "clamp is \(member.value.kind), expected true or false"))
          continue
        }
        clamps = flag
      case "coefficients":
        // A list without keys is the single row of `task`.
        let members =
          member.value.asMap?.map { ($0.key, $0.value) } ?? [("*", member.value)]
        for (name, value) in members {
          let numbers = (value.asList ?? [value]).compactMap(\.asNumber).filter(\.isFinite)
          guard !numbers.isEmpty, numbers.count == (value.asList ?? [value]).count else {
            errors.append(
              fault(
                value.line,
                "row '\(name.printable)' is not a list of numbers, expected one number for each model"
              ))
            continue
          }
          rows[name] = numbers
        }
      default:
        let known = ["grouping", "models", "coefficients", "clamp"]
        errors.append(
          fault(
            member.value.line, "key '\(member.key.printable)' is not known",
            hint: Nearest.name(member.key, of: known).map { "did you mean '\($0)'?" }
              ?? "the keys are: \(known.joined(separator: ", "))"))
      }
    }
    if grouping == nil, errors.isEmpty {
      errors.append(
        fault(value.line, "grouping is missing", hint: "add a grouping, such as grouping: tensor"))
    }
    if rows.isEmpty, errors.isEmpty {
      errors.append(fault(value.line, "there are no coefficients"))
    }
    if grouping == .task, rows.keys.contains(where: { $0 != "*" }) {
      errors.append(
        fault(value.line, "grouping task has other rows, expected only one row with the key '*'"))
    }
    try SeveralErrors.throwIfAny(errors)
    self.grouping = grouping!
    self.models = models
    self.rows = clamps ? rows.mapValues { $0.map { min(1, max(0, $0)) } } : rows
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
