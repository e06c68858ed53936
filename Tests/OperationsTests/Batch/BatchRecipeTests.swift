import Base
import Operations
import Recipes
import TestSupport
import Testing

/// Files of jobs.
@Suite struct BatchRecipeTests {
  /// A parser of two verbs with a few options.
  private struct Parser: BatchStepParser {
    var verbs: [String] { ["convert", "prune", "verify", "inspect"] }

    func options(of verb: String) -> [String: Bool] {
      switch verb {
      case "convert": ["type": false, "sealed": true, "drop": false]
      case "prune": ["amount": false, "pattern": false]
      default: ["max-abs": false]
      }
    }

    func operation(_ verb: String, words: [String]) throws -> any BatchableOperation {
      switch verb {
      case "convert":
        var convert = BatchWorkspace.convert
        for word in words {
          if word == "--sealed" { convert.output.isSealed = true }
          if word.hasPrefix("--type=") { convert.storage.type = String(word.dropFirst(7)) }
          if word.hasPrefix("--drop=") { convert.drop.append(String(word.dropFirst(7))) }
        }
        return convert
      case "prune":
        if let word = words.first(where: { $0.hasPrefix("--pattern=") }), !word.contains(":") {
          throw UsageError("The value is invalid for '--pattern <n:m>'")
        }
        return BatchWorkspace.prune
      default: return VerifyOperation(inputs: ["input"])
      }
    }
  }

  private func recipe(_ text: String) throws -> BatchRecipe {
    var reader = BatchRecipeReader(path: "jobs.yaml", parser: Parser())
    return try reader.recipe(RecipeFile.parse(text, path: "jobs.yaml"))
  }

  @Test("options of models replace those of steps, which replace the defaults")
  func overrides() throws {
    let recipe = try recipe(
      """
      output: out
      name: "{stem}.sumac"
      keep: true
      defaults:
        convert: {type: int8, sealed: true, drop: [a, b]}
      steps:
        - prune: {amount: 50%}
        - convert: {type: int4}
        - verify
      models:
        - models/*
        - path: big
          name: big.sumac
          options: {convert: {type: int6, sealed: false, drop: null}}
      """)
    #expect(recipe.output == "out" && recipe.name == "{stem}.sumac" && recipe.keepsIntermediates)
    #expect(recipe.steps.map(\.verb) == ["prune", "convert", "verify"])
    let common = try #require(recipe.steps[1].operation as? ConvertOperation)
    #expect(common.storage.type == "int4" && common.output.isSealed && common.drop == ["a", "b"])
    #expect(recipe.models.map(\.path) == ["models/*", "big"])
    #expect(recipe.models[0].steps == nil && recipe.models[1].name == "big.sumac")
    let own = try #require(recipe.models[1].steps?[1].operation as? ConvertOperation)
    #expect(own.storage.type == "int6" && !own.output.isSealed && own.drop == [])
  }

  @Test(
    "a fault names its line, and the nearest key if there is one",
    arguments: [
      ("stpes: [convert]\nmodels: [a]", 1, "did you mean 'steps'?"),
      ("steps: [convrt]\nmodels: [a]", 1, "did you mean 'convert'?"),
      ("models: [a]\nsteps:\n  - convert: {tpye: int4}", 3, "did you mean 'type'?"),
      ("models: [a]\nsteps:\n  - prune: {pattern: 2:4}", 3, "in quotes"),
      ("models: [a]\nsteps: [verify]", 2, ""),
      ("models: [a]\nsteps: [convert, verify, convert]", 2, ""),
      ("models: [a]\nsteps: [inspect]", 2, ""),
      ("models: []\nsteps: [convert]", 1, ""),
      ("models: [a]\nsteps: convert", 2, ""),
      ("models:\n  - pth: a\nsteps: [convert]", 2, "did you mean 'path'?"),
      ("models: [a]\nsteps: [convert]\nkeep: maybe", 3, ""),
      ("models: [a]\nsteps: [convert]\ndefaults: {prune: {amount: 1}}", 3, ""),
      ("models: [a]\nsteps:\n  - convert: {sealed: 3}", 3, ""),
      ("models: [a]\nsteps:\n  - convert: {type: {a: 1}}", 3, ""),
    ])
  func fault(text: String, line: Int, hint: String) {
    let error = #expect(throws: (any Error).self) { try recipe(text) }
    let errors = ((error as? SeveralErrors)?.errors ?? [error].compactMap(\.self))
      .compactMap { $0 as? FormatError }
    let found = errors.contains { error in
      error.code == .batchJobs && error.reason.contains("line \(line): ")
        && (hint.isEmpty || error.hint?.contains(hint) == true)
    }
    #expect(found, "\(errors)")
  }

  @Test("all faults are thrown together")
  func faults() {
    let error = #expect(throws: SeveralErrors.self) {
      try recipe("models: [1, {name: x}]\nsteps:\n  - convert: {a: 1, b: 2}\n  - x\nnmae: y")
    }
    #expect(error?.errors.count == 6, "\(error?.description ?? "")")
  }
}
