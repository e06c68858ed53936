import ArgumentParser
import Checkpoints
import Conversion
import Encoding
import TensorCore

/// How a `.sumac` output stores its tensors.
struct StorageFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Store weights as this type, such as int4:g64, int8, nf4 or fp8; see: sumac explain types.",
      valueName: "type"))
  var type: String?

  @Option(
    help: ArgumentHelp(
      "Store weights as a sum of terms, such as dense:int4:g64+lowrank:8+sparse:1%.",
      valueName: "terms"))
  var terms: String?

  @Option(
    help: ArgumentHelp(
      "Store tensors whose name matches as this type or these terms; may be repeated, the last "
        + "match decides.", valueName: "glob=type"))
  var tensorType: [String] = []

  @Option(help: "Store lossless tensors with many zeros by their places: auto or never.")
  var sparse = SparseChoice.never

  enum SparseChoice: String, CaseIterable, ExpressibleByArgument {
    case auto, never
  }

  mutating func validate() throws {
    if type != nil, terms != nil {
      throw ValidationError("--type and --terms cannot be given together")
    }
  }

  func choice(selection: Selection) throws -> StorageChoice {
    var errors: [any UserError] = []
    func parse(_ flag: String, _ text: String, _ parse: (String) throws -> TermRecipe) -> TermRecipe?
    {
      do { return try parse(text) } catch {
        errors.append(
          UsageError("\(flag): \(error)", hint: "the types are listed by: sumac explain types"))
        return nil
      }
    }
    var recipe: TermRecipe?
    if let type { recipe = parse("--type", type) { TermRecipe(dense: try StorageType($0)) } }
    if let terms { recipe = parse("--terms", terms) { try TermRecipe($0) } }
    var rules: [StorageChoice.Rule] = []
    for text in tensorType {
      guard let equals = text.lastIndex(of: "=") else {
        errors.append(
          UsageError(
            "--tensor-type '\(text.printable)' lacks a type", hint: "write 'PATTERN=TYPE'"))
        continue
      }
      let value = String(text[text.index(after: equals)...])
      let isSum = value.contains("+") || ["dense:", "lowrank:", "sparse:"].contains(where: value.hasPrefix)
      let parsed = parse("--tensor-type", value) {
        isSum ? try TermRecipe($0) : TermRecipe(dense: try StorageType($0))
      }
      if let parsed {
        rules.append(StorageChoice.Rule(glob: Glob(String(text[..<equals])), recipe: parsed))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    return StorageChoice(
      recipe: recipe, rules: rules, findsZeros: sparse == .auto, selection: selection)
  }

  /// What of it no output but `.sumac` can hold.
  func errors(output: WriterFlags) -> [any UserError] {
    let given =
      [("--type", type != nil), ("--terms", terms != nil), ("--tensor-type", !tensorType.isEmpty),
       ("--sparse auto", sparse == .auto)].filter(\.1).map(\.0)
      + output.packedOnlyFlags
    guard !given.isEmpty, let container = try? output.container, container != .sumac else {
      return []
    }
    return [
      UsageError(
        "\(given.joined(separator: ", ")): only .sumac files can hold that, and "
          + "\(output.output.printable) is none",
        hint: "name the output NAME.sumac, or add --to sumac")
    ]
  }
}
