import ArgumentParser
import Base
import Checkpoints
import Operations
import Pruning

/// The options of `prune` that train the network between prunings.
struct RoundFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Train and prune in turn: the number of prunings, each followed by a training. The output is a folder.",
      valueName: "n"))
  var rounds: Int?

  @OptionGroup var training: TrainingFlags

  @Flag(help: "Continue with the trained weights instead of the initial ones.")
  var keepWeights = false

  mutating func validate() throws {
    guard rounds == nil else { return }
    if let name = (training.givenNames + (keepWeights ? ["--keep-weights"] : [])).first {
      throw ValidationError("\(name) trains the network: name the number of prunings with --rounds")
    }
  }
}

extension Prune {
  /// The options that are given and do not apply to rounds of training and pruning.
  private var misplacedNames: [String] {
    let given: [(String, Bool)] = [
      ("--pattern", method.pattern != nil), ("--iterations", method.iterations != 1),
      ("--norms", method.norms != nil), ("--seed", method.seed != nil),
      ("--zeros-are-pruned", method.zerosArePruned), ("--save-mask", saveMask != nil),
      ("--rewind", rewind != nil), ("--survey-out", surveyOut != nil),
      ("--survey-in", !surveyIn.isEmpty), ("--evaluate", evaluationFlags.settings != nil),
      ("--force", writer.force), ("--no-lineage", writer.leavesOutLineage),
      ("--shard-size", writer.shardSize != nil), ("--to", writer.to != nil),
      ("--aliases", writer.aliases != .keep), ("--companions", writer.companions != .small),
      ("--compress", writer.compress != nil), ("--sealed", writer.sealed),
      ("--content-ids", writer.contentIds),
    ]
    return given.filter { $0.1 }.map { $0.0 }
  }

  private var rule: PruneFlags.Rule { method.by ?? .pqi }

  /// Checks the options of rounds of training and pruning.
  func checkRounds() throws {
    try writer.requireOutput()
    try roundFlags.training.requireData()
    if let name = misplacedNames.first {
      throw ValidationError(
        "\(name) does not apply to --rounds, which writes a folder with a model for each round")
    }
    guard PruneRoundsOperation.Method(rawValue: rule.rawValue) != nil else {
      let names = PruneRoundsOperation.Method.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError(
        "--by \(rule.rawValue) does not apply to --rounds, expected one of \(names)")
    }
  }

  /// Returns the operation that trains and prunes in turn.
  func roundsOperation(_ count: Int, _ invocation: Invocation) -> PruneRoundsOperation {
    var training = roundFlags.training.settings
    training.mask = method.mask
    var operation = PruneRoundsOperation(
      model: input, settings: training, output: writer.settings.path, rounds: count)
    operation.method = PruneRoundsOperation.Method(rawValue: rule.rawValue) ?? .pqi
    operation.scope = method.scope ?? .global
    (operation.p, operation.q) = (method.p, method.q)
    (operation.eta, operation.gamma, operation.beta) = (method.eta, method.gamma, method.beta)
    operation.amount = method.amount?.share
    operation.selection = selectionFlags.settings(invocation)
    operation.keepsWeights = roundFlags.keepWeights
    return operation
  }

  /// Throws an error if the command trains, because the work that is planned or repeated is a single pruning.
  func refuseRounds(in work: String) throws {
    guard roundFlags.rounds == nil else {
      throw UsageError("\(setting: "rounds") cannot be part of \(work)")
    }
  }
}
