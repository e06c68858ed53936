import Base
import Checkpoints
import Models
import Recipes

/// A check that the models of a merge agree in what their tensors do not show: the configuration and the tokenizer.
struct CompatibilityCheck {
  private(set) var errors: [any UserError] = []
  private(set) var notes: [Message] = []

  private let recipe: MergeRecipe
  private let host: String
  private let allowsMismatch: Bool

  /// Compares all models with the one whose configuration and tokenizer the output receives.
  ///
  /// - Parameters:
  ///   - models: The models by their names in the recipe.
  ///   - allowsMismatch: True if differences are notes instead of errors.
  /// - Throws: An error if a file cannot be read.
  init(
    _ recipe: MergeRecipe, models: [String: Checkpoint], allowsMismatch: Bool
  ) throws {
    self.recipe = recipe
    self.allowsMismatch = allowsMismatch
    let names = recipe.models
    guard let host = recipe.base ?? names.first, let checkpoint = models[host] else {
      self.host = ""
      return
    }
    self.host = host
    let facts = try facts(of: host, checkpoint, isCompared: names.contains { $0 != host })
    let tokenizer = TokenizerFacts(checkpoint)
    for name in names where name != host {
      guard let other = models[name] else { continue }
      if let found = try self.facts(of: name, other), let facts {
        let (errors, notes) = facts.differences(of: found)
        add(name, "configuration", errors.joined(separator: "; "), isError: true)
        add(name, "configuration", notes.joined(separator: "; "), isError: false)
      }
      add(name, try tokenizer.difference(of: TokenizerFacts(other)))
    }
  }

  /// Returns the facts of a model; nil if it has no configuration, or one that cannot be read, which is added to the
  /// errors.
  private mutating func facts(
    of name: String, _ checkpoint: Checkpoint, isCompared: Bool = true
  ) throws -> ConfigurationFacts? {
    do {
      return try ConfigurationFacts(checkpoint)
    } catch let fault as ModelConfigurationFile.Fault {
      guard isCompared else { return nil }
      add(
        "\(name.shown): its configuration cannot be compared: \(ModelConfig.name) \(fault.reason)",
        hint: "correct the file, or merge without the comparison with "
          + "\(setting: "allow-config-mismatch")", isError: true)
      return nil
    }
  }

  private mutating func add(_ name: String, _ difference: TokenizerFacts.Difference) {
    switch difference {
    case .none: break
    case .tokens(let text): addTokenizer(name, text, isError: true)
    case .additional(let text), .unknown(let text): addTokenizer(name, text, isError: false)
    }
  }

  private mutating func addTokenizer(_ name: String, _ text: String, isError: Bool) {
    // Tokenizers can be combined only if they are equal, since embeddings are not rearranged.
    switch recipe.tokenizer {
    case .union, .model:
      errors.append(
        UsageError(
          "the tokenizers of \(name.shown) and \(host.shown) differ, so that tokenizer_source is not "
            + "supported: \(name.shown) \(text)",
          hint: "merge models with the same vocabulary, or remove tokenizer_source"))
    case .base, nil: add(name, "tokenizer", text, isError: isError)
    }
  }

  private mutating func add(_ name: String, _ what: String, _ text: String, isError: Bool) {
    guard !text.isEmpty else { return }
    let message: Message = "\(name.shown): its \(what) differs from that of \(host.shown): \(text)"
    add(
      message,
      hint: "merge models with the same \(what), or use that of \(host.shown) for all with "
        + "\(setting: "allow-config-mismatch")", isError: isError)
  }

  private mutating func add(_ message: Message, hint: Message, isError: Bool) {
    guard isError, !allowsMismatch else {
      notes.append(message)
      return
    }
    errors.append(UsageError(message, hint: hint))
  }
}
