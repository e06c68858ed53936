import ArgumentParser
import Operations
import RotaryScaling

struct RopeScale: Verb {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Rescale a model's rotary frequencies for a longer context.",
    discussion: """
      Writes the model with another config.json, in the way that it has it; all else is copied as it is. \
      With --config-only just that file is written.

      Methods: \(RopeMethod.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(separator: "; ")).

      Examples:
        sumac rope scale model/ --method yarn --factor 4 -o longer/
        sumac rope scale model/ --method ntk --context 16384 -o longer/
        sumac rope scale model/ --method llama3 --factor 8 -o config.json --config-only
        sumac rope scale clex-model/ --method clex --time 4 -o frozen/
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: WriterFlags

  @Option(
    help: "How to rescale: \(RopeMethod.allCases.map(\.rawValue).joined(separator: ", ")).")
  var method: RopeMethod

  @Option(help: "How many times longer the context gets, 1 or more.")
  var factor: Double?

  @Option(help: ArgumentHelp("The longest context, in positions.", valueName: "n"))
  var context: Int?

  @Option(
    help: ArgumentHelp("clex: how many times the trained length to solve for.", valueName: "t"))
  var time: Int?

  @Option(
    help: ArgumentHelp(
      "longrope: a file with long_factor and short_factor, or a list.", valueName: "file"),
    completion: .file(extensions: ["json", "yaml"]))
  var factors: String?

  @Option(help: "yarn: turns above which a dimension is kept; 32 if not given.")
  var betaFast: Double?

  @Option(help: "yarn: turns below which a dimension is divided; 1 if not given.")
  var betaSlow: Double?

  @Option(help: "yarn, longrope: what cosines and sines are multiplied by.")
  var attentionFactor: Double?

  @Option(help: "llama3: waves longer than the context over this are divided; 1 if not given.")
  var lowFreqFactor: Double?

  @Option(help: "llama3: waves shorter than the context over this are kept; 4 if not given.")
  var highFreqFactor: Double?

  @Flag(help: "clex: solve in float64; in float32 as the official code does if not given.")
  var exact = false

  @Flag(help: "clex: keep the model as it is up to its trained length.")
  var shortExact = false

  @Option(help: "clex: approximate sets log_scale to its value at the full length.")
  var logScale: LogScaleChoice?

  @Flag(help: "Write config.json alone: into the folder, or to the .json file, that -o names.")
  var configOnly = false

  @Argument(help: "A model.", completion: .file())
  var model: String

  enum LogScaleChoice: String, CaseIterable, ExpressibleByArgument { case approximate }

  func validate() throws { try writer.requireOutput() }

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

  func run(_ invocation: Invocation) throws {
    if configOnly { return try writeConfig(invocation) }
    let operation = RopeScaleOperation(
      model: model, output: writer.settings, settings: settings)
    _ = try invocation.run(operation, isDryRun: writer.dryRun)
  }

  private func writeConfig(_ invocation: Invocation) throws {
    var operation = RopeConfigOperation(
      model: model, path: writer.settings.path, settings: settings)
    operation.replacesExisting = writer.force
    guard !writer.dryRun else {
      let text = try operation.plannedText(invocation.context)
      return try StandardOutput.write(String(decoding: text, as: UTF8.self))
    }
    _ = try operation.run(invocation.context)
  }
}

extension RopeMethod: ExpressibleByArgument {}
