import ArgumentParser
import BLAS
import Operations
import Reporting

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train networks.",
    discussion: """
      A training runs in a folder with its state and a log. The same command continues a training that \
      was ended, and its result has the same bytes at any number of threads. prune --rounds trains and prunes \
      in turn.

      Examples:
        sumac train new --arch mlp:64,32,10 -o start.sumac
        sumac train run start.sumac --data digits.safetensors --recipe sgd.yaml -o run
        sumac prune start.sumac --data digits.safetensors --test test.safetensors --recipe sgd.yaml \
      --rounds 8 -o sap
      """,
    subcommands: [TrainNew.self, TrainRun.self])
}

/// The options for the data and the recipe of a training.
struct TrainingFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp("Settings of the training, in YAML.", valueName: "file"),
    completion: .file())
  var recipe: String?

  @Option(
    name: .long, parsing: .singleValue,
    help: ArgumentHelp(
      "Examples with labels, or text or tokens for a language model, as FILE or FILE:TENSOR, or a pattern of files of tokens. Repeat for more.",
      valueName: "file"), completion: .file())
  var data: [String] = []

  @Option(
    help: ArgumentHelp(
      "Labels as FILE or FILE:TENSOR. (default: in the file of the examples)", valueName: "file"),
    completion: .file())
  var labels: String?

  @Option(
    help: ArgumentHelp("Data that the network is tested on after each epoch.", valueName: "file"),
    completion: .file())
  var test: String?

  @Option(
    help: ArgumentHelp(
      "Labels of the test data. (default: in their file)", valueName: "file"),
    completion: .file())
  var testLabels: String?

  @Option(
    help: ArgumentHelp(
      "Numbers of the examples in the order of their use, a row for each epoch, as FILE or FILE:TENSOR.",
      valueName: "file"), completion: .file())
  var draws: String?

  @OptionGroup var text: TokenizerFlags

  @OptionGroup var products: KernelFlags

  @Option(
    help:
      "Start each window of text with the token for the beginning of a text: as the tokenizer does, always, or never. (default: never)"
  )
  var bos: EvaluationSettings.StartToken?

  /// Throws an error unless there are a recipe and data.
  func requireData() throws {
    guard recipe != nil else {
      throw ValidationError("Missing expected argument '--recipe <file>'")
    }
    guard !data.isEmpty else {
      throw ValidationError("no data to train on; name them with --data")
    }
  }

  /// The names of the options that are given.
  var givenNames: [String] {
    [
      ("--recipe", recipe != nil), ("--data", !data.isEmpty), ("--labels", labels != nil),
      ("--test", test != nil), ("--test-labels", testLabels != nil), ("--draws", draws != nil),
      ("--tokenizer", text.tokenizer != nil), ("--kernels", products.kernels != .native),
      ("--bos", bos != nil),
    ].filter { $0.1 }.map { $0.0 }
  }

  var settings: TrainSettings {
    var settings = TrainSettings(recipe: recipe, data: data)
    settings.labels = labels
    settings.test = test
    settings.testLabels = testLabels
    settings.draws = draws
    settings.tokenizer = text.tokenizer
    settings.kernels = products.kernels
    settings.start = bos ?? .never
    return settings
  }
}

/// The options for the folder of a training and the form of its report.
struct RunFlags: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Folder of the run; that of the same command continues.", valueName: "folder"),
    completion: .directory)
  var output: String

  @Flag(help: "Show sizes, steps and the memory needed; write nothing.")
  var dryRun = false

  @Option(help: "Format of the report or plan on standard output.")
  var format: ReportFormat?

  @Flag(help: "Same as --format json.")
  var json = false

  mutating func validate() throws {
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) cannot be used together")
    }
  }

  var chosenFormat: ReportFormat { format ?? (json ? .json : .text) }
}

extension RunFlags: OutputFlags {
  var hasFormat: Bool { json || format != nil }
  func requireOutput() {}
  func checkFormat() {}
}

extension Invocation {
  /// Runs a training and prints its report, or prints its plan.
  func run(_ flags: some OutputFlags, _ operation: some PlannedTraining) throws {
    try reportingFailure(as: flags.chosenFormat) {
      try flags.checkFormat()
      try show(isDryRun: flags.dryRun, hasFormat: flags.hasFormat, flags.chosenFormat) {
        try operation.plan(context)
      } run: {
        try operation.run(context)
      }
    }
  }
}
