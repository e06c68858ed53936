import ArgumentParser
import Operations
import RotaryScaling

struct RopeScale: Verb {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Rescale a model's rotary frequencies for a longer context.",
    discussion: """
      Writes the model with a changed config.json, in the form that the model uses; everything else is \
      copied unchanged. With --config-only, writes only that file. A .safetensors file needs the \
      config.json of the model next to it. The factor of a model that is scaled already counts from its \
      current length, and both scalings apply.

      Methods: \(RopeMethod.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(separator: "; ")).

      Examples:
        sumac rope scale model/ --method yarn --factor 4 -o longer/
        sumac rope scale model/ --method ntk --context 16384 -o longer/
        sumac rope scale model/ --method llama3 --factor 8 -o config.json --config-only
        sumac rope scale clex-model/ --method clex --time 4 -o frozen/
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags
  @OptionGroup(title: "Evaluation") var evaluationFlags: OutputEvaluationFlags

  @Option(
    help: "Scaling method: \(RopeMethod.allCases.map(\.rawValue).joined(separator: ", ")).")
  var method: RopeMethod

  @Option(help: "Factor by which the context grows, 1 or more.")
  var factor: Double?

  @Option(help: ArgumentHelp("Maximum context, in positions.", valueName: "n"))
  var context: Int?

  @Option(
    help: ArgumentHelp("clex: multiple of the trained length to solve for.", valueName: "t"))
  var time: Int?

  @Option(
    help: ArgumentHelp(
      "longrope: file with long_factor and short_factor, or a list of factors.", valueName: "file"),
    completion: .file(extensions: ["json", "yaml"]))
  var factors: String?

  @Option(help: "yarn: keep dimensions with more rotations than this. (default: 32)")
  var betaFast: Double?

  @Option(help: "yarn: divide dimensions with fewer rotations than this. (default: 1)")
  var betaSlow: Double?

  @Option(help: "yarn, longrope: factor on cosines and sines.")
  var attentionFactor: Double?

  @Option(help: "llama3: divide wavelengths longer than the context / this. (default: 1)")
  var lowFreqFactor: Double?

  @Option(help: "llama3: keep wavelengths shorter than the context / this. (default: 4)")
  var highFreqFactor: Double?

  @Flag(help: "clex: solve in float64. (default: float32, as the official code does)")
  var exact = false

  @Flag(help: "clex: keep the original frequencies up to the trained length.")
  var shortExact = false

  @Option(help: "clex: approximate sets log_scale to its value at the maximum length.")
  var logScale: LogScaleChoice?

  @Flag(help: "Write only config.json, to the folder or .json file that -o names.")
  var configOnly = false

  @Argument(help: "Model folder, or .sumac or .safetensors file.", completion: .file())
  var model: String

  enum LogScaleChoice: String, CaseIterable, ExpressibleByArgument { case approximate }

  func validate() throws {
    try writer.requireOutput()
    if configOnly, evaluationFlags.settings != nil {
      throw ValidationError("--config-only writes no model that --evaluate could run")
    }
  }

  private var settings: RopeScaleSettings {
    var settings = RopeScaleSettings(method: method)
    (settings.factor, settings.context, settings.time) = (factor, context, time)
    settings.factors = factors
    (settings.betaFast, settings.betaSlow) = (betaFast, betaSlow)
    settings.attentionFactor = attentionFactor
    settings.lowFrequencyFactor = lowFreqFactor
    settings.highFrequencyFactor = highFreqFactor
    settings.isExact = exact
    settings.isShortExact = shortExact
    settings.approximatesLogScale = logScale == .approximate
    return settings
  }

  var operation: RopeScaleOperation {
    var operation = RopeScaleOperation(
      model: model, output: writer.settings, settings: settings)
    operation.evaluation = evaluationFlags.settings
    return operation
  }

  func run(_ invocation: Invocation) throws {
    guard configOnly else { return try invocation.run(writer) { operation } }
    try invocation.reportingFailure(as: writer.chosenFormat) { try writeConfig(invocation) }
  }

  private func writeConfig(_ invocation: Invocation) throws {
    var operation = RopeConfigOperation(
      model: model, path: writer.settings.path, settings: settings)
    operation.replacesExisting = writer.force
    guard !writer.dryRun else {
      let text = try operation.plannedText(invocation.context)
      return try StandardOutput.write(String(decoding: text, as: UTF8.self))
    }
    try invocation.printWritten(operation.run(invocation.context), writer)
  }
}

extension RopeMethod: ExpressibleByArgument {}
