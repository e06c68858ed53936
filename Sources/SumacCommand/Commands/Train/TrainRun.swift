import ArgumentParser
import Operations

struct TrainRun: Verb {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Train a network in a run folder.",
    discussion: """
      The folder receives a log with a line for each step, the state from which the same command continues \
      after it was ended, and the trained model as model.sumac. All random numbers depend on the seed of \
      the recipe and the number of the step. With --adapter, the weights stay as they are, and the trained \
      low-rank adapters are written to adapter/ in the form of PEFT.

      Examples:
        sumac train run start.sumac --data digits.safetensors --recipe sgd.yaml -o run
        sumac train run start/ --data x.npy --labels y.npy --recipe sgd.yaml -o run --dry-run
        sumac train run model/ --data text.txt --recipe adamw.yaml -o tuned
        sumac train run model/ --data 'shards/*.bin' --recipe adamw.yaml --adapter lora:8 -o tuned
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Training") var training: TrainingFlags
  @OptionGroup(title: "Output") var flags: RunFlags

  @Option(
    help: ArgumentHelp("Masks of the weights that are trained; others stay 0.", valueName: "file"),
    completion: .file())
  var mask: String?

  @Option(
    help: ArgumentHelp(
      "Train low-rank adapters in place of the weights: lora:RANK or lora:RANK:ALPHA. (default alpha: the rank)",
      valueName: "spec"))
  var adapter: String?

  @Option(
    name: .long, parsing: .singleValue,
    help: ArgumentHelp(
      "Name of layers with adapters, such as q_proj. Repeat for more. (default: all linear layers, but not the output of a language model)",
      valueName: "name"))
  var target: [String] = []

  @Argument(
    help: "Model folder, .sumac file or other checkpoint with a config.json.", completion: .file())
  var model: String

  func validate() throws { try training.requireData() }

  func run(_ invocation: Invocation) throws {
    var settings = training.settings
    settings.mask = mask
    settings.adapter = adapter
    settings.targets = target
    try invocation.run(
      flags, TrainRunOperation(model: model, settings: settings, output: flags.output))
  }
}
