import Base
import Checkpoints
import Conversion

/// How a `.sumac` output stores its tensors.
package struct StorageSettings: Codable, Sendable, Equatable {
  /// The type of weights, such as `int4:g64`.
  package var type: String?
  /// The terms of weights, such as `dense:int4:g64+lowrank:8`.
  package var terms: String?
  /// `GLOB=TYPE` or `GLOB=TERMS`; the last that matches decides.
  package var tensorTypes: [String] = []
  /// Whether lossless tensors are stored sparse where that is smaller.
  package var findsZeros = false
  /// Types are chosen so that all tensors together take so many bits a value.
  package var targetBitsPerWeight: Double?
  /// Types are chosen so that the file gets this size.
  package var targetByteCount: Int?
  /// The types to choose from; a standard set if nil.
  package var candidates: [String]?

  package init() {}

  var hasTarget: Bool { targetBitsPerWeight != nil || targetByteCount != nil }

  /// The choice of types that a target asks for.
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
        "\(setting: "candidates") names no type", hint: "see them with: \(command: "explain types")"
      )
    }
    do {
      return TypeChoice(target: target, candidates: try names.map { try StorageType($0) })
    } catch { throw UsageError("\(setting: "candidates"): \(error)") }
  }

  /// What lineage records of a target.
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
    return options
  }

  /// - Throws: everything that is wrong with types and terms.
  func choice(selection: Selection) throws -> StorageChoice {
    var errors: [any UserError] = []
    func parsed(_ option: String, _ parse: () throws -> TermRecipe) -> TermRecipe? {
      do { return try parse() } catch {
        errors.append(
          UsageError(
            "\(setting: option): \(error)",
            hint: "the types are listed by: \(command: "explain types")"))
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
            "\(setting: "tensor-type") '\(text.printable)' lacks a type",
            hint: "write 'PATTERN=TYPE'"))
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

  /// What of it the output cannot hold.
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
        Message(settings: given) + ": only .sumac files can hold that, and "
          + "\(output.path.printable) is none",
        hint: "name the output NAME.sumac, or add \(setting: "to") sumac")
    ]
  }
}
