import ArgumentParser
import Base
import Operations
import Reporting

struct ReportPage: Verb {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write a report on a model, a difference or a batch as one page for a browser.",
    discussion: """
      Reads all values of the model and writes a page with sizes, sparsity, PQ Index, magnitudes, errors, a \
      pruning forecast, the lineage, and a table of all tensors that can be searched and sorted. For two \
      models, the page shows their difference. It needs no other file and no network.

      Examples:
        sumac report model/ -o model.html
        sumac report pruned.sumac --eval eval.json --calibration stats.safetensors -o pruned.html
        sumac report base/ tuned/ -o changes.html
        sumac report --batch summary.json -o batch.html
        sumac report --diff difference.json -o difference.html
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Write the page to this file; - is standard output.", valueName: "path"),
    completion: .file(extensions: ["html"]))
  var output = "report.html"

  @Flag(name: .shortAndLong, help: "Replace an existing file with the page.")
  var force = false

  @Flag(help: "Print what was written as JSON.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Show the figures of an evaluation: a document of eval --json. Can be repeated.",
      valueName: "file"), completion: .file(extensions: ["json"]))
  var eval: [String] = []

  @Option(
    help: ArgumentHelp(
      "Show the inputs of the linear layers: the output of calibrate.", valueName: "stats"),
    completion: .file())
  var calibration: String?

  @Option(
    help: ArgumentHelp(
      "Report on a batch: a document of batch --json.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var batch: String?

  @Option(
    help: ArgumentHelp(
      "Report on a difference: a document of diff --json.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var diff: String?

  @Argument(help: "A file, shard index or model folder; or two, to compare.", completion: .file())
  var models: [String] = []

  func validate() throws {
    guard models.count <= 2 else {
      throw ValidationError("report has \(models.count) models, expected one, or two to compare")
    }
    guard [models.first, batch, diff].compactMap(\.self).count == 1 else {
      throw ValidationError(
        "report needs one or two models, or --batch FILE, or --diff FILE, and only one of them")
    }
    guard output != "-" || !json else {
      throw ValidationError("--json prints on standard output, which has the page with -o -")
    }
    guard models.count == 1 || (eval.isEmpty && calibration == nil) else {
      throw ValidationError("--eval and --calibration belong to the report on one model")
    }
  }

  private var subject: ReportOperation.Subject {
    if let batch { return .batch(batch) }
    if let diff { return .difference(diff) }
    return models.count == 2 ? .models(models[0], models[1]) : .model(models[0])
  }

  func run(_ invocation: Invocation) throws {
    let format: ReportFormat = json ? .json : .text
    try invocation.reportingFailure(as: format) {
      var operation = ReportOperation(subject: subject, page: output)
      operation.replacesExisting = force
      operation.evaluations = eval
      operation.calibration = calibration
      var result = try operation.run(invocation.context)
      guard json else { return }
      result.reports = [result.written].compactMap(\.self)
      try StandardOutput.write(result, as: format)
    }
  }
}
