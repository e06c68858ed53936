import Base
import Recipes

/// A reader of coefficient tables that reports all faults of a table at once.
struct MergeCoefficientsReader {
  let path: String
  private(set) var grouping: MergeCoefficients.Grouping?
  private(set) var models: [String]?
  private(set) var ties: Double?
  private var rows: [String: [Double]] = [:]
  private var clamps = false
  private var errors: [any UserError] = []

  init(path: String) { self.path = path }

  /// The rows, with coefficients limited to 0...1 if the table asks for it.
  var clampedRows: [String: [Double]] {
    clamps ? rows.mapValues { $0.map { min(1, max(0, $0)) } } : rows
  }

  /// Reads a table; afterwards `grouping` is not nil.
  ///
  /// - Throws: All faults of the table together, each with its line.
  mutating func read(_ value: RecipeValue) throws {
    guard let map = value.asMap else {
      throw error(value.line, "is \(value.kind), expected a map with grouping and coefficients")
    }
    for member in map { read(member.key, member.value) }
    if grouping == nil, errors.isEmpty {
      fault(value.line, "grouping is missing", hint: "add a grouping, such as grouping: tensor")
    }
    if rows.isEmpty, errors.isEmpty { fault(value.line, "there are no coefficients") }
    if grouping == .task, rows.keys.contains(where: { $0 != "*" }) {
      fault(value.line, "grouping task has other rows, expected only one row with the key '*'")
    }
    try SeveralErrors.throwIfAny(errors)
  }

  private func error(_ line: Int, _ reason: Message, hint: Message? = nil) -> UsageError {
    UsageError("\(path.printable): line \(line): \(reason)", hint: hint)
  }

  /// The maximum number of faults that are reported.
  private static let faultLimit = 100

  private mutating func fault(_ line: Int, _ reason: Message, hint: Message? = nil) {
    guard errors.count < Self.faultLimit else { return }
    errors.append(error(line, reason, hint: hint))
  }

  private mutating func read(_ key: String, _ value: RecipeValue) {
    switch key {
    case "grouping":
      grouping = value.asString.flatMap(MergeCoefficients.Grouping.init)
      if grouping == nil {
        fault(
          value.line, "grouping is not known, expected task, tensor, qkv or block",
          hint: "change grouping to one of these")
      }
    case "models":
      models = value.asList?.compactMap(\.asString)
      if models == nil || models?.count != value.asList?.count {
        fault(value.line, "models is not a list of names", hint: "use [NAME, NAME]")
      }
    case "ties":
      ties = value.asNumber.flatMap { $0 > 0 && $0 <= 1 ? $0 : nil }
      if ties == nil {
        fault(value.line, "ties is not a share, expected a number above 0, up to 1")
      }
    case "clamp":
      guard let flag = value.asBool else {
        return fault(value.line, "clamp is \(value.kind), expected true or false")
      }
      clamps = flag
    case "coefficients":
      // A list without keys is the single row of `task`.
      let members = value.asMap?.map { ($0.key, $0.value) } ?? [("*", value)]
      for (name, numbers) in members { readRow(name, numbers) }
    default:
      let known = ["grouping", "models", "ties", "coefficients", "clamp"]
      fault(
        value.line, "key '\(key.shown)' is not known",
        hint: Nearest.name(key, of: known).map { "did you mean '\($0)'?" }
          ?? "the keys are: \(known.joined(separator: ", "))")
    }
  }

  private mutating func readRow(_ name: String, _ value: RecipeValue) {
    let values = value.asList ?? [value]
    let numbers = values.compactMap(\.asNumber).filter(\.isFinite)
    guard !numbers.isEmpty, numbers.count == values.count else {
      return fault(
        value.line,
        "row '\(name.shown)' is not a list of numbers, expected one number for each model")
    }
    rows[name] = numbers
  }
}
