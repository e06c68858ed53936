import AdaMerging
import ArgumentParser
import BLAS
import Base
import Coefficients
import Merging
import Operations

/// The options for coefficients that are learned from data.
struct LearningFlags: ParsableArguments {
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Examples or text of a task, as FILE or FILE:TENSOR. Repeat for the task of each model.",
      valueName: "name=file"))
  var data: [NamedPathArgument] = []

  @Option(
    help: ArgumentHelp(
      "Classifiers of the tasks: NAME.weight [classes, features] and, if there is one, NAME.bias.",
      valueName: "file"), completion: .file())
  var heads: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Labels of a task for the accuracy in the report; never learned from. (default: in the file of the examples)",
      valueName: "name=file"))
  var labels: [NamedPathArgument] = []

  @Option(
    help: ArgumentHelp(
      "Tensors with a coefficient in common: all (task), one (tensor), fused query, key and value (qkv), a block. (default: tensor)"
    ))
  var group: MergeCoefficients.Grouping?

  @Option(
    help: "entropy of the predictions, or loss of the next token of a text. (default: entropy)")
  var objective: CoefficientRecipe.Objective?

  @Option(help: ArgumentHelp("Number of steps. (default: 500)", valueName: "n"))
  var steps: Int?

  @Option(help: ArgumentHelp("Learning rate of Adam. (default: 0.001)", valueName: "x"))
  var rate: Double?

  @Option(help: ArgumentHelp("Betas of Adam. (default: 0.9,0.999)", valueName: "x,x"))
  var betas: NumberList?

  @Option(help: ArgumentHelp("First value of all coefficients. (default: 0.3)", valueName: "x"))
  var start: Double?

  @Option(help: ArgumentHelp("Examples of a batch. (default: 16)", valueName: "n"))
  var batch: Int?

  @Option(help: ArgumentHelp("Batches of each task in a step. (default: 2)", valueName: "n"))
  var batches: Int?

  @Option(
    help: ArgumentHelp(
      "Stop if the mean of the objective has not fallen for so many steps.", valueName: "n"))
  var patience: Int?

  @Option(
    help: ArgumentHelp(
      "Numbers of the examples, [steps, tasks, batches, examples], as FILE or FILE:TENSOR.",
      valueName: "file"), completion: .file())
  var draws: String?

  @Option(
    help: ArgumentHelp(
      "A config.json, or sizes such as encoder:64,48,32,16. (default: config.json of the base)",
      valueName: "spec"), completion: .file())
  var arch: String?

  @OptionGroup var text: TokenizerFlags

  @Option(
    help: ArgumentHelp("Tokens that a window of text predicts. (default: 128)", valueName: "n"))
  var window: Int?

  @Option(help: ArgumentHelp("Divide the values of examples by this number first.", valueName: "x"))
  var divisor: Double?

  @Option(help: ArgumentHelp("Then subtract this mean of each channel.", valueName: "x,…"))
  var mean: NumberList?

  @Option(help: ArgumentHelp("Then divide by this deviation of each channel.", valueName: "x,…"))
  var deviation: NumberList?

  @Option(
    help: ArgumentHelp("Write the learned coefficients as a table.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var saveCoefficients: String?

  @Option(
    help: ArgumentHelp(
      "Write objective, gradient and coefficients of each step as JSON lines.", valueName: "file"),
    completion: .file(extensions: ["jsonl"]))
  var trajectory: String?

  @Option(
    help: ArgumentHelp(
      "Folder that keeps the state of the steps: after a kill, the same command goes on from it.",
      valueName: "folder"),
    completion: .directory)
  var resume: String?

  @Option(
    help:
      "Kernels of the matrix products: the fastest, or those with the same bits on every AVX2 processor. (default: native)"
  )
  var kernels: KernelChoice?

  mutating func validate() throws {
    guard data.isEmpty else {
      guard saveCoefficients != nil else {
        throw ValidationError("--data needs --save-coefficients FILE for the learned coefficients")
      }
      return
    }
    let given: [(String, Bool)] = [
      ("--heads", heads != nil), ("--labels", !labels.isEmpty), ("--group", group != nil),
      ("--objective", objective != nil), ("--steps", steps != nil), ("--rate", rate != nil),
      ("--betas", betas != nil), ("--start", start != nil), ("--batch", batch != nil),
      ("--batches", batches != nil), ("--patience", patience != nil), ("--draws", draws != nil),
      ("--arch", arch != nil), ("--tokenizer", text.tokenizer != nil), ("--window", window != nil),
      ("--divisor", divisor != nil), ("--mean", mean != nil), ("--deviation", deviation != nil),
      ("--save-coefficients", saveCoefficients != nil), ("--trajectory", trajectory != nil),
      ("--resume", resume != nil), ("--kernels", kernels != nil),
    ]
    if let (name, _) = given.first(where: { $0.1 }) {
      throw ValidationError(
        "\(name) needs --data NAME=FILE, the examples that coefficients are learned from")
    }
  }

  /// The settings of the learning; nil without data.
  var settings: LearningSettings? {
    guard !data.isEmpty, let saveCoefficients else { return nil }
    var settings = LearningSettings(data: data.map(\.value), table: saveCoefficients)
    settings.heads = heads
    settings.labels = labels.map(\.value)
    settings.objective = objective
    settings.grouping = group ?? settings.grouping
    settings.stepCount = steps ?? settings.stepCount
    settings.rate = rate ?? settings.rate
    settings.betas = betas?.numbers ?? settings.betas
    settings.start = start ?? settings.start
    (settings.batchSize, settings.batchCount) = (batch, batches)
    settings.patience = patience
    settings.draws = draws
    settings.architecture = arch
    settings.tokenizer = text.tokenizer
    settings.window = window
    settings.divisor = divisor
    settings.mean = mean?.numbers ?? []
    settings.deviation = deviation?.numbers ?? []
    settings.trajectory = trajectory
    settings.resumeFolder = resume
    settings.kernels = kernels ?? settings.kernels
    return settings
  }
}

/// A path with the name of its task: `NAME=FILE`.
struct NamedPathArgument: ExpressibleByArgument {
  var value: LearningSettings.NamedPath

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex,
      argument.index(after: equals) != argument.endIndex
    else { return nil }
    value = LearningSettings.NamedPath(
      String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
  }
}

/// Numbers with commas between them.
struct NumberList: ExpressibleByArgument {
  var numbers: [Double]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    numbers = parts.compactMap { Double($0) }.filter(\.isFinite)
    guard numbers.count == parts.count, !numbers.isEmpty else { return nil }
  }
}

extension MergeCoefficients.Grouping: ExpressibleByArgument {}
extension CoefficientRecipe.Objective: ExpressibleByArgument {}
