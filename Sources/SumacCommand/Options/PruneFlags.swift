import ArgumentParser
import Base
import Checkpoints
import Operations
import Pruning
import Surveys

/// How `prune` chooses weights.
struct PruneFlags: ParsableArguments {
  @Option(help: "How weights are chosen: pqi, magnitude, nm, random or wanda.")
  var by = PruneSettings.Method.pqi

  @Option(help: "pqi: the p of the PQ Index, above 0 and below q; 0.5 if not given.")
  var p: Double?

  @Option(help: "pqi: the q of the PQ Index; 1 if not given.")
  var q: Double?

  @Option(help: "pqi: how much of the p-norm may go, at least 0; more prunes more. 0 if not given.")
  var eta: Double?

  @Option(help: "pqi: over 1 prunes more than the index says, below 1 less. 1 if not given.")
  var gamma: Double?

  @Option(
    help: "pqi: the greatest share that an iteration drops, over 0, at most 1. 0.9 if not given.")
  var beta: Double?

  @Option(
    help: ArgumentHelp(
      "What is compared: neuron (each row or filter), layer (each tensor) or global (all together); "
        + "global if not given, neuron for wanda."))
  var scope: Pruning.Scope?

  @Option(
    help: ArgumentHelp(
      "magnitude, random, wanda: the share that goes, such as 30% or 0.3.", valueName: "share"))
  var amount: ShareArgument?

  @Option(
    help: ArgumentHelp(
      "nm, wanda: keep n of each m neighbours in a row; 2:4 if not given.", valueName: "n:m"))
  var pattern: Pattern?

  @Option(help: "How often to prune what is left.")
  var iterations = 1

  @Option(help: "wanda: a file with the norms of each weight's inputs, under the weight's name.")
  var norms: String?

  @Option(help: "random: what the choice depends on beside names and places.")
  var seed: UInt64?

  @Flag(help: "Count weights that are 0 as pruned before.")
  var zerosArePruned = false

  @Option(
    help: "A file of U8 tensors, 0 where a weight was pruned before.", completion: .file())
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
  var settings: PruneSettings {
    var settings = PruneSettings()
    settings.method = by
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

extension PruneSettings.Method: ExpressibleByArgument {}
