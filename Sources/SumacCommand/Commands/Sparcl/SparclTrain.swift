import ArgumentParser
import Operations
import Training

struct SparclTrain: Verb {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a classifier on tasks one after another with sparse weights and gradients.",
    discussion: """
      The network learns the classes of one task after another. Weights are pruned at the start and \
      exchanged by importance during a task; only the largest gradients change weights; examples that \
      are seldom forgotten leave; a buffer replays earlier ones. The folder receives a log, the state \
      from which the same command continues, and the model after each task as task-1.sumac and on.

      Examples:
        sumac sparcl train start.sumac --data train.npz --test test.npz --tasks 0,1/2,3/4,5 --sparsity 90% \
      --gradient-sparsity 90% --epochs 50 --remove 30%:20 -o run
        sumac sparcl train start.sumac --data train.npz --tasks 0,1/2,3 --masks dense --epochs 5 -o dense
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var flags: RunFlags

  @Option(
    help: ArgumentHelp(
      "Examples with labels, as FILE or FILE:TENSOR.", valueName: "file"), completion: .file())
  var data: String

  @Option(
    help: ArgumentHelp(
      "Labels as FILE or FILE:TENSOR. (default: in the file of the examples)", valueName: "file"),
    completion: .file())
  var labels: String?

  @Option(
    help: ArgumentHelp(
      "Data on which accuracies are measured. (default: the examples)", valueName: "file"),
    completion: .file())
  var test: String?

  @Option(
    help: ArgumentHelp("Labels of the test data. (default: in their file)", valueName: "file"),
    completion: .file())
  var testLabels: String?

  @Option(help: ArgumentHelp("Classes of each task, such as 0,1/2,3.", valueName: "list"))
  var tasks: String

  @Option(help: ArgumentHelp("Epochs of each task.", valueName: "n"))
  var epochs: Int

  @Option(
    help:
      "Masks of weights: dynamic exchanges weights, static keeps those of the start, dense has none."
  )
  var masks = ContinualRecipe.Masks.dynamic

  @Option(help: ArgumentHelp("Share of the weights of a layer that is 0.", valueName: "share"))
  var sparsity: ShareArgument?

  @Option(
    help: ArgumentHelp(
      "Share of the gradients of a layer that is cleared. (default: those of masked weights)",
      valueName: "share"))
  var gradientSparsity: ShareArgument?

  @Option(help: "Use of stored examples: er for labels, derpp for labels and logits, or none.")
  var replay = ContinualRecipe.Replay.derpp

  @Option(help: ArgumentHelp("Number of stored examples. (default: 500)", valueName: "n"))
  var buffer: Int?

  @Option(
    help: ArgumentHelp(
      "Share or number of the examples of a task that leaves, in rounds up to an epoch, such as 30%:20.",
      valueName: "share:epoch"))
  var remove: String?

  @Option(
    help: ArgumentHelp(
      "Prune layers whose weights match the pattern; can be repeated. (default: hidden layers and convolutions)",
      valueName: "glob"))
  var layers: [String] = []

  @Option(
    help: ArgumentHelp(
      "Sparsities to prune to, for each period of a task, such as 75%-76%-75%.", valueName: "shares"
    ))
  var lower: String?

  @Option(
    help: ArgumentHelp(
      "Sparsities to grow to, for each period, such as 74%-75%-75%.", valueName: "shares"))
  var upper: String?

  @Option(
    help: ArgumentHelp("Epochs at which the next period begins, such as 5-45.", valueName: "epochs")
  )
  var changes: String?

  @Option(
    help: ArgumentHelp(
      "Share of the weights that is replaced at once. (default: 1%)", valueName: "share"))
  var exchange: ShareArgument?

  @Option(
    help: ArgumentHelp(
      "Epochs from one change of masks, or removal, to the next. (default: 5)", valueName: "n"))
  var maskEvery: Int?

  @Option(
    help: ArgumentHelp("Steps with the same mask of gradients. (default: 30)", valueName: "n"))
  var gradientEvery: Int?

  @Option(
    help: ArgumentHelp(
      "Factor of the gradient in the importance of a weight. (default: 0.5)", valueName: "x"))
  var importance: Double?

  @Option(
    help: ArgumentHelp(
      "derpp: factor of the loss of stored logits. (default: 0.1)", valueName: "x"))
  var logitWeight: Double?

  @Option(
    help: ArgumentHelp(
      "Factor of the loss of stored labels. (default: 0.5 for derpp, 1 for er)", valueName: "x"))
  var labelWeight: Double?

  @Flag(help: "Train tensors that are 0 at the start, which are masked otherwise.")
  var freeZeros = false

  @Option(
    help: ArgumentHelp(
      "Optimizer, rate, batch and input of the training, in YAML. (default: SGD)",
      valueName: "file"),
    completion: .file())
  var recipe: String?

  @Option(help: ArgumentHelp("Learning rate. (default: 0.03)", valueName: "x"))
  var rate: Double?

  @Option(help: ArgumentHelp("Examples of a step. (default: 32)", valueName: "n"))
  var batch: Int?

  @Option(help: ArgumentHelp("Seed of all random choices. (default: 0)", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Number that values of examples are divided by. (default: 255 for bytes)", valueName: "x"))
  var divideBy: Double?

  @Option(
    help: ArgumentHelp("Choices of another program in place of random ones.", valueName: "file"),
    completion: .file())
  var draws: String?

  @OptionGroup var products: KernelFlags

  @Argument(
    help: "Classifier: model folder, .sumac file or other checkpoint with a config.json.",
    completion: .file())
  var model: String

  private var settings: SparclTrainSettings {
    var settings = SparclTrainSettings(data: data, tasks: tasks, epochs: epochs)
    (settings.labels, settings.test, settings.testLabels) = (labels, test, testLabels)
    settings.masks = masks
    settings.sparsity = sparsity?.share
    settings.gradientSparsity = gradientSparsity?.share
    (settings.replay, settings.buffer, settings.removal) = (replay, buffer, remove)
    settings.layers = layers
    (settings.lower, settings.upper, settings.changes) = (lower, upper, changes)
    settings.exchange = exchange?.share
    (settings.maskInterval, settings.gradientInterval) = (maskEvery, gradientEvery)
    settings.importanceFactor = importance
    (settings.logitWeight, settings.labelWeight) = (logitWeight, labelWeight)
    settings.freesZeros = freeZeros
    (settings.recipe, settings.rate, settings.batch, settings.seed) = (recipe, rate, batch, seed)
    (settings.divisor, settings.draws, settings.kernels) = (divideBy, draws, products.kernels)
    return settings
  }

  func run(_ invocation: Invocation) throws {
    try invocation.run(
      flags, SparclTrainOperation(model: model, settings: settings, output: flags.output))
  }
}

extension ContinualRecipe.Masks: ExpressibleByArgument {}
extension ContinualRecipe.Replay: ExpressibleByArgument {}
