import ArgumentParser
import Base
import Checkpoints
import Conversion
import Packing

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

  @Option(
    help: ArgumentHelp(
      "Choose a type for each weight so that all tensors take this many bits per value.",
      valueName: "bits"))
  var targetBpw: Double?

  @Option(
    help: ArgumentHelp(
      "Choose a type for each weight so that the file gets this size.", valueName: "size"))
  var targetSize: SizeArgument?

  @Option(
    help: ArgumentHelp(
      "Types to choose from with a target, separated by commas.", valueName: "types"))
  var candidates: String?

  enum SparseChoice: String, CaseIterable, ExpressibleByArgument {
    case auto, never
  }

  mutating func validate() throws {
    if type != nil, terms != nil {
      throw ValidationError("--type and --terms cannot be given together")
    }
    if targetBpw != nil, targetSize != nil {
      throw ValidationError("--target-bpw and --target-size cannot be given together")
    }
    if targetBpw != nil || targetSize != nil {
      guard type == nil, terms == nil else {
        throw ValidationError("a target chooses the types; leave out --type and --terms")
      }
    } else if candidates != nil {
      throw ValidationError("--candidates needs --target-bpw or --target-size")
    }
    if let targetBpw, !(targetBpw > 0 && targetBpw <= 64) {
      throw ValidationError("--target-bpw is \(targetBpw), expected a number above 0, at most 64")
    }
  }

  /// The choice of types that a target asks for.
  func typeChoice() throws -> TypeChoice? {
    let target: TypeChoice.Target
    if let targetBpw {
      target = .bitsPerWeight(targetBpw)
    } else if let targetSize {
      target = .fileByteCount(targetSize.size.byteCount)
    } else {
      return nil
    }
    let names =
      candidates.map { $0.split(separator: ",").map(String.init) }
      ?? TypeChoice.standardCandidates
    guard !names.isEmpty else {
      throw UsageError("--candidates names no type", hint: "see them with: sumac explain types")
    }
    do {
      return TypeChoice(target: target, candidates: try names.map { try StorageType($0) })
    } catch { throw UsageError("--candidates: \(error)") }
  }

  /// What lineage records of a target.
  var targetOptions: [Lineage.Option] {
    var options: [Lineage.Option] = []
    if let targetBpw { options.append(Lineage.Option("target-bpw", "\(targetBpw)")) }
    if let targetSize {
      options.append(Lineage.Option("target-size", String(targetSize.size.byteCount)))
    }
    if let candidates { options.append(Lineage.Option("candidates", candidates)) }
    return options
  }

  func choice(selection: Selection) throws -> StorageChoice {
    var errors: [any UserError] = []
    func parse(_ flag: String, _ text: String, _ parse: (String) throws -> TermRecipe)
      -> TermRecipe?
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
      let isSum =
        value.contains("+") || ["dense:", "lowrank:", "sparse:"].contains(where: value.hasPrefix)
      let parsed = parse("--tensor-type", value) {
        isSum ? try TermRecipe($0) : TermRecipe(dense: try StorageType($0))
      }
      if let parsed {
        rules.append(StorageChoice.Rule(glob: Glob(String(text[..<equals])), recipe: parsed))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    var choice = StorageChoice(
      recipe: recipe, rules: rules, findsZeros: sparse == .auto, selection: selection)
    choice.targetOptions = targetOptions
    return choice
  }

  /// What of it no output but `.sumac` can hold.
  func errors(output: WriterFlags) -> [any UserError] {
    let given =
      [
        ("--type", type != nil), ("--terms", terms != nil), ("--tensor-type", !tensorType.isEmpty),
        ("--sparse auto", sparse == .auto), ("--target-bpw", targetBpw != nil),
        ("--target-size", targetSize != nil),
      ].filter(\.1).map(\.0)
      + output.packedOnlyFlags
    guard !given.isEmpty, let container = try? output.container, !container.holdsTerms else {
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
