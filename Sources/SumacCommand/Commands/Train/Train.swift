import ArgumentParser
import Operations
import Reporting

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train networks, and prune them while they are trained.",
    discussion: """
      A training runs in a folder with its state and a log. The same command continues a training that \
      was ended, and its result has the same bytes at any number of threads.

      Examples:
        sumac train new --arch mlp:64,32,10 -o start.sumac
        sumac train run start.sumac --data digits.safetensors --recipe sgd.yaml -o run
        sumac train prune start.sumac --data digits.safetensors --test test.safetensors --recipe sgd.yaml \
      --rounds 8 -o sap
      """,
    subcommands: [TrainNew.self, TrainRun.self, TrainPrune.self])
}

/// The options for the data and the recipe of a training.
struct TrainingFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp("Settings of the training, in YAML.", valueName: "file"),
    completion: .file())
  var recipe: String

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
    help: ArgumentHelp("Masks of the weights that are trained; others stay 0.", valueName: "file"),
    completion: .file())
  var mask: String?

  @Option(
    help: ArgumentHelp(
      "Numbers of the examples in the order of their use, a row for each epoch, as FILE or FILE:TENSOR.",
      valueName: "file"), completion: .file())
  var draws: String?

  @OptionGroup var text: TokenizerFlags

  @OptionGroup var products: KernelFlags

  @Option(
    help:
      "Start each window of text with the token for the beginning of a text: as the tokenizer does, always, or never."
  )
  var bos = EvaluationSettings.StartToken.never

  mutating func validate() throws {
    if data.isEmpty { throw ValidationError("no data to train on; name them with --data") }
  }

  var settings: TrainSettings {
    var settings = TrainSettings(recipe: recipe, data: data)
    settings.labels = labels
    settings.test = test
    settings.testLabels = testLabels
    settings.mask = mask
    settings.draws = draws
    settings.tokenizer = text.tokenizer
    settings.kernels = products.kernels
    settings.start = bos
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

extension Invocation {
  /// Runs a training and prints its report, or prints its plan.
  func run(_ flags: RunFlags, _ operation: some PlannedTraining) throws {
    try reportingFailure(as: flags.chosenFormat) {
      let result =
        flags.dryRun
        ? OperationResult(reports: [try operation.plan(context)]) : try operation.run(context)
      if !isQuiet || flags.json || flags.format != nil {
        try StandardOutput.write(result, as: flags.chosenFormat)
      }
      try finish(result)
    }
  }
}
