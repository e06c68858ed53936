import ArgumentParser
import Operations
import Pruning

struct TrainPrune: Verb {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "Train and prune in turn: SAP, lottery tickets, one shot.",
    discussion: """
      Each round trains the network, measures the PQ Index of its remaining weights, and prunes. The next \
      round starts from the initial weights again, without the pruned ones. With --by pqi, the share to \
      prune follows from the PQ Index; lottery prunes a fixed share of the latest model, one-shot of the \
      model of round 0.

      Examples:
        sumac train prune start.sumac --data train.safetensors --test test.safetensors --recipe sgd.yaml \
      --rounds 8 -o sap
        sumac train prune start.sumac --data train.safetensors --test test.safetensors --recipe sgd.yaml \
      --rounds 8 --by lottery --amount 20% -o lottery
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Training") var training: TrainingFlags
  @OptionGroup(title: "Output") var flags: RunFlags

  @Option(help: "Rule for the weights to prune.")
  var by = TrainPruneOperation.Method.pqi

  @Option(help: ArgumentHelp("Number of prunings, each followed by a training.", valueName: "n"))
  var rounds: Int

  @Option(help: "Weights that are ranked together: those of a neuron, a layer, or all.")
  var scope = Pruning.Scope.global

  @Option(help: ArgumentHelp("pqi: exponent p. (default: 0.5)", valueName: "x"))
  var p: Double?

  @Option(help: ArgumentHelp("pqi: exponent q, above p. (default: 1)", valueName: "x"))
  var q: Double?

  @Option(
    help: ArgumentHelp("pqi: bound on the norm of the pruned weights. (default: 0)", valueName: "x")
  )
  var eta: Double?

  @Option(help: ArgumentHelp("pqi: factor on the pruned share. (default: 1)", valueName: "x"))
  var gamma: Double?

  @Option(
    help: ArgumentHelp(
      "lottery, one-shot: share of the remaining weights that each round prunes.",
      valueName: "share"))
  var amount: ShareArgument?

  @Flag(help: "Continue with the trained weights instead of the initial ones.")
  var keepWeights = false

  @Argument(
    help: "Model folder, .sumac file or other checkpoint with a config.json.", completion: .file())
  var model: String

  func run(_ invocation: Invocation) throws {
    var operation = TrainPruneOperation(
      model: model, settings: training.settings, output: flags.output, rounds: rounds)
    operation.method = by
    operation.scope = scope
    operation.p = p
    operation.q = q
    operation.eta = eta
    operation.gamma = gamma
    operation.amount = amount?.share
    operation.keepsWeights = keepWeights
    try invocation.run(flags, operation)
  }
}

extension TrainPruneOperation.Method: ExpressibleByArgument {}
