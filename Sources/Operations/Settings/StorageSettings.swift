import Base
import Checkpoints
import Conversion

/// The settings for how a `.sumac` output stores its tensors.
package struct StorageSettings: Codable, Sendable, Equatable {
  /// The type of weights, such as `int4:g64`.
  package var type: String?
  /// The terms of weights, such as `dense:int4:g64+lowrank:8`.
  package var terms: String?
  /// Rules `GLOB=TYPE` or `GLOB=TERMS`; the last match applies.
  package var tensorTypes: [String] = []
  /// True if lossless tensors are stored sparse where that is smaller.
  package var findsZeros = false
  /// The target of the type choice, in bits per value over all tensors.
  package var targetBitsPerWeight: Double?
  /// The target of the type choice, as the size of the file in bytes.
  package var targetByteCount: Int?
  /// The types to choose from; the default candidates if nil.
  package var candidates: [String]?
  /// The path of statistics of the inputs, by which the type choice weighs errors.
  package var calibration: String?

  package init() {}

  var hasTarget: Bool { targetBitsPerWeight != nil || targetByteCount != nil }

  /// Returns the type choice for the target, or nil if there is no target.
  func typeChoice() throws -> TypeChoice? {
    let target: TypeChoice.Target
    if let targetBitsPerWeight {
      target = .bitsPerWeight(targetBitsPerWeight)
    } else if let targetByteCount {
      target = .fileByteCount(targetByteCount)
    } else {
      return nil
    }
    let names = candidates ?? TypeChoice.standardCandidates
    guard !names.isEmpty else {
      throw UsageError(
        "\(setting: "candidates") contains no type",
        hint: "to list the types: \(command: "explain types")"
      )
    }
    do {
      return TypeChoice(target: target, candidates: try names.map { try StorageType($0) })
    } catch { throw UsageError("\(setting: "candidates"): \(error)") }
  }

  /// The lineage options that record the target.
  private var targetOptions: [Lineage.Option] {
    var options: [Lineage.Option] = []
    if let targetBitsPerWeight {
      options.append(Lineage.Option("target-bpw", "\(targetBitsPerWeight)"))
    }
    if let targetByteCount {
      options.append(Lineage.Option("target-size", String(targetByteCount)))
    }
    if let candidates {
      options.append(Lineage.Option("candidates", candidates.joined(separator: ",")))
    }
    if let calibration {
      options.append(Lineage.Option("calibration", file: calibration))
    }
    return options
  }

  /// Returns the storage of the tensors that the settings describe.
  /// - Throws: All errors in types and terms.
  func choice(selection: Selection) throws -> StorageChoice {
    var errors: [any UserError] = []
    func parsed(_ option: String, _ parse: () throws -> TermRecipe) -> TermRecipe? {
      do { return try parse() } catch {
        errors.append(
          UsageError(
            "\(setting: option): \(error)",
            hint: "to list the types: \(command: "explain types")"))
        return nil
      }
    }
    var recipe: TermRecipe?
    if let type { recipe = parsed("type") { TermRecipe(dense: try StorageType(type)) } }
    if let terms { recipe = parsed("terms") { try TermRecipe(terms) } }
    var rules: [StorageChoice.Rule] = []
    for text in tensorTypes {
      guard let equals = text.lastIndex(of: "=") else {
        errors.append(
          UsageError(
            "\(setting: "tensor-type") '\(text.printable)' has no type",
            hint: "write it as 'PATTERN=TYPE'"))
        continue
      }
      let value = String(text[text.index(after: equals)...])
      if let recipe = parsed("tensor-type", { try TermRecipe(typeOrTerms: value) }) {
        rules.append(StorageChoice.Rule(glob: Glob(String(text[..<equals])), recipe: recipe))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    var choice = StorageChoice(
      recipe: recipe, rules: rules, findsZeros: findsZeros, selection: selection)
    choice.targetOptions = targetOptions
    return choice
  }

  /// Returns an error if rules for single tensors leave none to the recipe for all weights.
  func unusedTypeErrors(
    _ recipe: TermRecipe, for checkpoint: Checkpoint, _ selection: Selection
  ) throws -> [any UserError] {
    guard !tensorTypes.isEmpty, try !choice(selection: selection).usesRecipe(for: checkpoint) else {
      return []
    }
    return [
      UsageError(
        "\(recipe) applies to no tensor: \(setting: "tensor-type") sets the types of all weights")
    ]
  }

  /// Returns an error if the output's format cannot store what the settings ask for.
  func errors(output: OutputSettings) -> [any UserError] {
    let given =
      [
        ("type", type != nil), ("terms", terms != nil),
        ("tensor-type", !tensorTypes.isEmpty), ("sparse", findsZeros),
        ("target-bpw", targetBitsPerWeight != nil), ("target-size", targetByteCount != nil),
        ("sealed", output.isSealed), ("content-ids", output.hasContentIDs),
      ].filter(\.1).map(\.0)
    guard !given.isEmpty, let container = try? output.container, !container.holdsTerms else {
      return []
    }
    return [
      UsageError(
        Message(settings: given) + ": supported only in .sumac files, but "
          + "\(output.path.printable) is not a .sumac file",
        hint: "name the output NAME.sumac, or add \(setting: "to") sumac")
    ]
  }
}
