import ArgumentParser
import Operations
import Rotary

struct RopeFit: Verb {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Train a model's rotary frequencies for a longer context.",
    discussion: """
      CLEX trains two small projections that change the frequencies with the length, together with the \
      weights, with low-rank adapters, or alone. Each step reads windows of the trained length whose \
      positions are drawn from a longer range. The folder receives a log, the state from which the same \
      command continues, and model.sumac, which rope scale freezes at one length; adapters go to \
      adapter/, in the form of PEFT.

      Without --recipe, the optimizer is AdamW with 8 windows a step, a warm-up of 3 % and a cosine to 5 %.

      Examples:
        sumac rope fit model/ --data text.txt --max-factor 8 --steps 1200 -o fitted
        sumac rope fit model/ --data 'shards/*.bin' --max-factor 8 --train lora:8 --steps 1200 -o fitted
        sumac rope scale fitted/model.sumac --method clex --time 4 -o frozen/
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var flags: RunFlags

  enum Method: String, CaseIterable, ExpressibleByArgument { case clex }

  @Option(help: "Method of the fit.")
  var method = Method.clex

  @Option(
    name: .long, parsing: .singleValue,
    help: ArgumentHelp(
      "Text, JSON lines or token ids as FILE or FILE:TENSOR, or a pattern of files. Repeat for more.",
      valueName: "file"), completion: .file())
  var data: [String] = []

  @Option(
    help: ArgumentHelp("Largest multiple of the trained length.", valueName: "n"))
  var maxFactor: Int?

  @Option(
    help: ArgumentHelp(
      "Trained beside the projections: all weights, nothing (clex), or adapters (lora:8, lora:8:16).",
      valueName: "part"))
  var train = "all"

  @Option(
    name: .long, parsing: .singleValue,
    help: ArgumentHelp(
      "lora: name of layers with adapters, such as q_proj. Repeat for more. (default: all linear layers but the output)",
      valueName: "name"))
  var target: [String] = []

  @Option(help: ArgumentHelp("Number of steps.", valueName: "n"))
  var steps: Int?

  @Option(
    help: ArgumentHelp("Settings of the training, in YAML.", valueName: "file"),
    completion: .file())
  var recipe: String?

  @Option(
    help: ArgumentHelp(
      "Peak of the learning rate. (default: that of the recipe, or 1e-4; lora: 1e-3)",
      valueName: "x"))
  var rate: Double?

  @Option(
    help: ArgumentHelp("Peak of the rate of the projections. (default: the rate)", valueName: "x"))
  var projectionRate: Double?

  @Option(
    help: ArgumentHelp(
      "Largest norm of the gradients of the projections alone. (default: 1; with a recipe, they count for its limit)",
      valueName: "x"))
  var projectionClip: Double?

  @Option(
    help: ArgumentHelp(
      "Tokens of a window. (default: the trained length, or that of the recipe)", valueName: "n"))
  var window: Int?

  @Option(
    help: ArgumentHelp(
      "Width of the projections as a multiple of the rotated dimensions. (default: 1)",
      valueName: "x"))
  var paramFactor: Double?

  @Option(help: "Activation between the projections: tanh or silu. (default: tanh)")
  var act: CLEXParameters.Activation?

  @Option(help: ArgumentHelp("Step of the solver. (default: 0.01)", valueName: "x"))
  var timeDt: Double?

  @Option(
    help:
      "Start each window with the token for the beginning of a text: as the tokenizer does, always, or never."
  )
  var bos = EvaluationSettings.StartToken.auto

  @Option(
    help: ArgumentHelp("Data that the model is tested on after each epoch.", valueName: "file"),
    completion: .file())
  var test: String?

  @Option(
    help: ArgumentHelp(
      "File with the times t and the positions of each step, in place of random ones.",
      valueName: "file"), completion: .file())
  var draws: String?

  @OptionGroup var text: TokenizerFlags

  @OptionGroup var products: KernelFlags

  @Argument(
    help: "Model folder, .sumac file or other checkpoint with a config.json.", completion: .file())
  var model: String

  mutating func validate() throws {
    if data.isEmpty { throw ValidationError("no text to train on; name one with --data") }
  }

  func run(_ invocation: Invocation) throws {
    var settings = TrainSettings(recipe: recipe, data: data)
    settings.start = bos
    settings.test = test
    settings.draws = draws
    settings.tokenizer = text.tokenizer
    settings.kernels = products.kernels
    settings.targets = target
    var operation = RopeFitOperation(model: model, settings: settings, output: flags.output)
    operation.fit.maximumFactor = maxFactor
    operation.fit.part = train
    operation.fit.steps = steps
    operation.fit.parameterFactor = paramFactor
    operation.fit.activation = act
    operation.fit.solverStep = timeDt
    operation.fit.window = window
    operation.fit.rate = rate
    operation.fit.projectionRate = projectionRate
    operation.fit.projectionClip = projectionClip
    try invocation.run(flags, operation)
  }
}

extension CLEXParameters.Activation: ExpressibleByArgument {}
