import ArgumentParser
import Base
import Checkpoints
import Operations
import Pruning
import Surveys

/// The options of `prune` that choose weights.
struct PruneFlags: ParsableArguments {
  /// A method of `prune`, or a rule for rounds of training and pruning.
  enum Rule: String, CaseIterable, ExpressibleByArgument {
    case pqi, magnitude, nm, random, wanda
    case lottery
    case oneShot = "one-shot"
  }

  @Option(
    help:
      "Method that chooses the weights to prune. With --rounds: pqi, lottery (the smallest of the latest model), one-shot (the smallest of the model of round 0). (default: pqi; with --sweep: magnitude)"
  )
  var by: Rule?

  @Option(help: "pqi: exponent p of the PQ Index, 0 < p < q. (default: 0.5)")
  var p: Double?

  @Option(help: "pqi: exponent q of the PQ Index. (default: 1)")
  var q: Double?

  @Option(help: "pqi: allowed loss of the p-norm, 0 or more; larger prunes more. (default: 0)")
  var eta: Double?

  @Option(help: "pqi: factor on the pruned share; above 1 prunes more, below 1 less. (default: 1)")
  var gamma: Double?

  @Option(
    help: "pqi: maximum share pruned per iteration, above 0 and up to 1. (default: 0.9)")
  var beta: Double?

  @Option(
    help: ArgumentHelp(
      "Weights that are ranked together: those of a neuron (output), of a layer (tensor), or all "
        + "weights (global). (default: global; wanda: neuron)"))
  var scope: Pruning.Scope?

  @Option(
    help: ArgumentHelp(
      "magnitude, random, wanda, lottery, one-shot: share of weights to prune, such as 30% or 0.3.",
      valueName: "share"))
  var amount: ShareArgument?

  @Option(
    help: ArgumentHelp(
      "nm, wanda: keep n of every m consecutive weights in a row. (default for nm: 2:4)",
      valueName: "n:m"))
  var pattern: Pattern?

  @Option(help: "Number of times to prune the remaining weights.")
  var iterations = 1

  @Option(help: "wanda: file with the norm of each input feature, under the weight's name.")
  var norms: String?

  @Option(help: "random: seed of the random numbers. (default: 0)")
  var seed: UInt64?

  @Flag(help: "Treat weights that are 0 as already pruned.")
  var zerosArePruned = false

  @Option(
    help: "File of U8 masks, 0 where a weight is already pruned.", completion: .file())
  var mask: String?
}

extension Pruning.Scope: ExpressibleByArgument {}

/// A share such as `0.3` or `30%`.
struct ShareArgument: ExpressibleByArgument {
  var share: Double

  init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    guard let value = Double(isPercent ? String(argument.dropLast()) : argument) else { return nil }
    share = isPercent ? value / 100 : value
  }
}

extension PruneFlags {
  /// The method of a pruning without training.
  /// - Throws: ``ValidationError`` for a rule that needs training.
  func checkMethod() throws {
    guard let by, PruneSettings.Method(rawValue: by.rawValue) == nil else { return }
    throw ValidationError(
      "--by \(by.rawValue) trains between prunings: name their number with --rounds")
  }

  /// The settings of a pruning without training; ``checkMethod()`` checks the method before.
  var settings: PruneSettings { settings(default: .pqi) }

  /// The settings of a sweep over shares, which pqi does not have.
  var sweepSettings: PruneSettings { settings(default: .magnitude) }

  private func settings(default method: PruneSettings.Method) -> PruneSettings {
    var settings = PruneSettings()
    settings.method = by.flatMap { PruneSettings.Method(rawValue: $0.rawValue) } ?? method
    (settings.p, settings.q) = (p, q)
    (settings.eta, settings.gamma, settings.beta) = (eta, gamma, beta)
    settings.scope = scope
    settings.amount = amount?.share
    settings.pattern = pattern?.description
    settings.iterations = iterations
    settings.norms = norms
    settings.seed = seed
    settings.zerosArePruned = zerosArePruned
    settings.mask = mask
    return settings
  }
}
