import ArgumentParser
import Base
import Reporting
import Rotary
import RotaryScaling

struct RopeShow: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show rotary frequencies, wavelengths, and how far each dimension is trained.",
    discussion: """
      MODEL is a model folder (one with a config.json alone will do, but for CLEX), a config.json, or a \
      .sumac or .safetensors file. With -o NAME.svg a plot is written.

      Examples:
        sumac rope show model/
        sumac rope show model/ --length 16384 --json
        sumac rope show model/ --compare yarn:4 --compare ntk:4 -o plot.svg
        sumac rope show clex-model/ --length 2048
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp(
      "Positions in use, which some types look at; may be repeated.", valueName: "n"))
  var length: [Int] = []

  @Option(
    help: ArgumentHelp(
      "Another model, or METHOD:FACTOR such as yarn:4; may be repeated.", valueName: "other"))
  var compare: [String] = []

  @Argument(help: "A model, or its config.json.", completion: .file())
  var model: String

  private var plots: Bool { report.output?.hasSuffix(".svg") == true }

  func run() throws {
    try report.check()
    for length in length where length < 1 || length > 1 << 40 {
      throw UsageError("--length is \(length), expected 1 or more")
    }
    let model = try RopeModel(model)
    let lengths: [Int?] = length.isEmpty ? [nil] : length.map { $0 }
    var series: [RopeSeries] = []
    for length in lengths {
      let name = FileSystem.ownName(of: model.path)
      for (kind, settings) in model.layers {
        series.append(
          try RopeSeries(
            Self.name(name, length, among: lengths), kind: kind, settings, length: length,
            path: model.path))
      }
      for other in compare {
        series += try Self.compared(other, with: model, length: length, among: lengths)
      }
    }
    guard plots, let output = report.output else {
      return try report.print(RopeReport(series))
    }
    try ReportFile.write(RopePlot.svg(series), to: output)
    if !global.quiet { Terminal.note("\(output.printable): \(series.count.counted("line"))") }
  }

  private static func name(_ name: String, _ length: Int?, among lengths: [Int?]) -> String {
    guard lengths.count > 1, let length else { return name }
    return "\(name) at \(length)"
  }

  /// What `--compare` names: a method with a factor, or a model.
  private static func compared(
    _ other: String, with model: RopeModel, length: Int?, among lengths: [Int?]
  ) throws -> [RopeSeries] {
    let parts = other.split(separator: ":", maxSplits: 1).map(String.init)
    if parts.count == 2, let method = RopeMethod(rawValue: parts[0]) {
      guard let factor = Double(parts[1]) else {
        throw UsageError(
          "--compare \(other.printable): the factor is no number", hint: "such as yarn:4")
      }
      let scaling = try RopeScaling(
        model, RopeRequest(method: method, target: .factor(factor)))
      return [
        try RopeSeries(
          name(other, length, among: lengths), kind: nil, scaling.after,
          length: length ?? scaling.maximumLength, path: model.path)
      ]
    }
    if parts.count == 2, FileSystem.targetType(other) == nil {
      throw UsageError(
        "--compare \(other.printable): is neither a method with its factor nor a model",
        hint: "the methods are \(RopeMethod.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let found = try RopeModel(other)
    return try found.layers.map { kind, settings in
      try RopeSeries(
        name(FileSystem.ownName(of: other), length, among: lengths), kind: kind, settings,
        length: length, path: other)
    }
  }
}
