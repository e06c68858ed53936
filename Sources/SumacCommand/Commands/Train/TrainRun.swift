import ArgumentParser
import Operations

struct TrainRun: Verb {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Train a network in a run folder.",
    discussion: """
      The folder receives a log with a line for each step, the state from which the same command continues \
      after it was ended, and the trained model as model.sumac. All random numbers depend on the seed of \
      the recipe and the number of the step.

      Examples:
        sumac train run start.sumac --data digits.safetensors --recipe sgd.yaml -o run
        sumac train run start/ --data x.npy --labels y.npy --recipe sgd.yaml -o run --dry-run
        sumac train run model/ --data text.txt --recipe adamw.yaml -o tuned
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Training") var training: TrainingFlags
  @OptionGroup(title: "Output") var flags: RunFlags

  @Argument(
    help: "Model folder, .sumac file or other checkpoint with a config.json.", completion: .file())
  var model: String

  func run(_ invocation: Invocation) throws {
    try invocation.run(
      flags,
      TrainRunOperation(model: model, settings: training.settings, output: flags.output))
  }
}
