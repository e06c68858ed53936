import ArgumentParser
import Operations

/// The options of commands that can compare what their output predicts with what their input does.
struct OutputEvaluationFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "After writing, run the output and the input over this text and print how far the predictions are "
        + "apart, as eval --against does. Can be repeated.", valueName: "file"),
    completion: .file())
  var evaluate: [String] = []

  @Option(
    help: ArgumentHelp(
      "With --evaluate: use only the first tokens of each text.", valueName: "n"))
  var evaluateTokens: Int?

  mutating func validate() throws {
    guard let evaluateTokens else { return }
    guard !evaluate.isEmpty else { throw ValidationError("--evaluate-tokens needs --evaluate") }
    guard evaluateTokens > 0 else {
      throw ValidationError("--evaluate-tokens is \(evaluateTokens), expected 1 or more")
    }
  }

  /// The settings of the evaluation; nil without one.
  var settings: EvaluationSettings? {
    guard !evaluate.isEmpty else { return nil }
    var settings = EvaluationSettings(data: evaluate)
    settings.tokenLimit = evaluateTokens
    return settings
  }
}
