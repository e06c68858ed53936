import ArgumentParser
import Base
import Checkpoints
import Models
import Recipes
import Rotary
import RotaryScaling

struct RopeScale: ParsableCommand, HasGlobalOptions {
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

  func run() throws {
    let model = try RopeModel(model, needsTensors: !configOnly || method == .clex)
    let scaling = try RopeScaling(model, try request())
    if !global.quiet {
      for note in model.checkpoint?.notes ?? [] { Terminal.warn(note, color: global.color) }
    }
    guard configOnly else {
      guard let checkpoint = model.checkpoint else {
        throw UsageError(
          "\(model.path.printable): has no tensors", hint: "pass --config-only for the file alone")
      }
      return try OutputCommand(global: global, writer: writer).run(
        verb: "rope scale", options: scaling.lineageOptions, inputs: [checkpoint],
        output: try scaling.scaled(), errors: [], notes: scaling.notes)
    }
    try writeConfig(scaling)
  }

  private func request() throws -> RopeRequest {
    var errors: [any UserError] = []
    let targets = [factor != nil, context != nil, time != nil].count { $0 }
    if targets != 1 {
      errors.append(
        UsageError(
          targets == 0
            ? "how far to go is not said" : "--factor, --context and --time each say how far to go",
          hint: "pass one of --factor, --context, and for clex --time"))
    }
    let clexOnly = [
      ("--exact", exact), ("--short-exact", shortExact), ("--log-scale", logScale != nil),
    ]
    for (flag, isGiven) in clexOnly where isGiven && method != .clex {
      errors.append(UsageError("\(flag) has no meaning for --method \(method.rawValue)"))
    }
    if factors != nil, method != .longrope {
      errors.append(UsageError("--factors has no meaning for --method \(method.rawValue)"))
    }
    try SeveralErrors.throwIfAny(errors)
    let target: RopeRequest.Target =
      factor.map { .factor($0) } ?? context.map { .context($0) } ?? .time(time ?? 1)
    var result = RopeRequest(
      method: method, target: target, isShortExact: shortExact,
      approximatesLogScale: logScale == .approximate, isExact: exact)
    let parameters = [
      ("beta_fast", betaFast), ("beta_slow", betaSlow), ("attention_factor", attentionFactor),
      ("low_freq_factor", lowFreqFactor), ("high_freq_factor", highFreqFactor),
    ]
    for (key, value) in parameters {
      if let value { result.parameters.append((key, value)) }
    }
    if let factors { try readFactors(factors, into: &result) }
    return result
  }

  private func readFactors(_ path: String, into request: inout RopeRequest) throws {
    let value = try RecipeFile.read(path)
    func list(_ value: RecipeValue?, _ what: String) throws -> [Double]? {
      guard let value else { return nil }
      let numbers = value.asList?.compactMap(\.asNumber) ?? []
      guard !numbers.isEmpty, numbers.count == value.asList?.count else {
        throw UsageError("\(path.printable): line \(value.line): \(what) is no list of numbers")
      }
      return numbers
    }
    if value.asList != nil {
      request.longFactors = try list(value, "the file")
      return
    }
    let members = Dictionary(
      (value.asMap ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    request.longFactors = try list(members["long_factor"], "long_factor")
    request.shortFactors = try list(members["short_factor"], "short_factor")
    guard request.longFactors != nil else {
      throw UsageError(
        "\(path.printable): has no long_factor", hint: "it is a list, or a map with lists")
    }
  }

  /// Writes config.json without the model.
  private func writeConfig(_ scaling: RopeScaling) throws {
    let text = try scaling.configText()
    let isFile = writer.output.hasSuffix(".json")
    let output = AtomicOutput(path: writer.output, replacesExisting: writer.force)
    try output.check(isDirectory: !isFile, inputs: scaling.model.checkpoint?.files ?? [])
    if !global.quiet {
      for note in scaling.notes { Terminal.warn(note, color: global.color) }
    }
    guard !writer.dryRun else {
      return try StandardOutput.write(String(decoding: text, as: UTF8.self))
    }
    if isFile {
      try output.writeFile { try $0.write(text.rawSpan, at: 0) }
    } else {
      try output.writeDirectory { folder in
        try folder.writeFile(ModelConfig.name) { try $0.write(text.rawSpan, at: 0) }
      }
    }
    if !global.quiet {
      Terminal.note(
        "\(writer.output.printable): \(scaling.after.typeName), \(scaling.maximumLength.grouped) positions"
      )
    }
  }
}

extension RopeMethod: ExpressibleByArgument {}
