import ArgumentParser
import Base
import Checkpoints
import Pruning
import Statistics

/// How `prune` chooses weights.
struct PruneFlags: ParsableArguments {
  enum Method: String, CaseIterable, ExpressibleByArgument {
    case pqi, magnitude, nm, random, wanda
  }

  @Option(help: "How weights are chosen: pqi, magnitude, nm, random or wanda.")
  var by = Method.pqi

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
  /// The request, and everything that is wrong with it and needs no input to see.
  func pruning(
    selection: Selection, norms: Checkpoint?, mask: Checkpoint?
  ) -> (pruning: Pruning, errors: [any UserError]) {
    var errors = misplacedOptions
    var options = [Lineage.Option("by", by.rawValue)]
    let score: any PruningScore
    let selecting: Pruning.Selecting
    switch by {
    case .pqi:
      let (sap, found) = self.sap
      errors += found
      score = MagnitudeScore()
      selecting = .amount(.adaptive(sap), scope: scope ?? .global, iterations: iterations)
      for (name, value) in [
        ("p", sap.exponents.p), ("q", sap.exponents.q), ("eta", sap.eta), ("gamma", sap.gamma),
        ("beta", sap.beta),
      ] { options.append(Lineage.Option(name, String(value))) }
    case .magnitude:
      score = MagnitudeScore()
      selecting = .amount(
        .quantile(checkedAmount(&errors), wideRanks: scope == .neuron), scope: scope ?? .global,
        iterations: iterations)
    case .random:
      score = RandomScore(seed: seed ?? 0)
      selecting = .amount(
        .exactly(checkedAmount(&errors)), scope: scope ?? .global, iterations: iterations)
      options.append(Lineage.Option("seed", String(seed ?? 0)))
    case .nm:
      score = MagnitudeScore()
      selecting = .pattern(pattern ?? .twoOfFour)
    case .wanda:
      if let norms {
        score = WandaScore(norms: norms)
      } else {
        score = MagnitudeScore()
        errors.append(
          UsageError(
            "--by wanda needs the norms of inputs",
            hint: "give a file that has, under each weight's name, a norm for each of its inputs: "
              + "--norms FILE"))
      }
      selecting =
        pattern.map(Pruning.Selecting.pattern)
        ?? .amount(
          .exactly(checkedAmount(&errors)), scope: scope ?? .neuron, iterations: iterations)
    }
    switch selecting {
    case .amount(_, let scope, let iterations):
      options.append(Lineage.Option("scope", scope.rawValue))
      if let amount { options.append(Lineage.Option("amount", String(amount.share))) }
      if iterations != 1 { options.append(Lineage.Option("iterations", String(iterations))) }
    case .pattern(let pattern):
      options.append(Lineage.Option("pattern", pattern.description))
    }
    if !(1...Pruning.iterationLimit).contains(iterations) {
      errors.append(
        UsageError("--iterations is \(iterations), expected 1 to \(Pruning.iterationLimit)"))
    }
    if zerosArePruned { options.append(Lineage.Option("zeros-are-pruned", "true")) }
    options += selection.lineageOptions
    let initialMask: InitialMask =
      mask.map(InitialMask.masks(of:)) ?? (zerosArePruned ? .zeros : .nothing)
    if zerosArePruned, mask != nil {
      errors.append(UsageError("--mask says what was pruned; --zeros-are-pruned says otherwise"))
    }
    return (
      Pruning(
        score: score, selecting: selecting, selection: selection, initialMask: initialMask,
        options: options), errors
    )
  }

  private var sap: (SAP, [any UserError]) {
    var errors: [any UserError] = []
    let (p, q) = (p ?? PQIndex.standard.p, q ?? PQIndex.standard.q)
    let exponents = PQIndex(p: p, q: q)
    if exponents == nil {
      errors.append(UsageError("--p is \(p) and --q is \(q), expected 0 < p < q"))
    }
    let sap = SAP(
      exponents: exponents ?? .standard, eta: eta ?? 0, gamma: gamma ?? 1, beta: beta ?? 0.9)
    if !(sap.eta >= 0 && sap.eta.isFinite) {
      errors.append(UsageError("--eta is \(sap.eta), expected 0 or more"))
    }
    if !(sap.gamma > 0 && sap.gamma.isFinite) {
      errors.append(UsageError("--gamma is \(sap.gamma), expected more than 0"))
    }
    if !(sap.beta > 0 && sap.beta <= 1) {
      errors.append(UsageError("--beta is \(sap.beta), expected over 0, at most 1"))
    }
    return (sap, errors)
  }

  private func checkedAmount(_ errors: inout [any UserError]) -> Double {
    guard let amount else {
      errors.append(
        UsageError(
          "--by \(by.rawValue) needs to know how much goes", hint: "such as --amount 30%"))
      return 0
    }
    guard (0...1).contains(amount.share) else {
      errors.append(
        UsageError("--amount is \(amount.share), expected a share from 0 to 1 or 0% to 100%"))
      return 0
    }
    return amount.share
  }

  /// An error for each option that the method does not follow.
  private var misplacedOptions: [any UserError] {
    let isPattern = by == .nm || (by == .wanda && pattern != nil)
    let given: [(flag: String, isGiven: Bool, isUsed: Bool)] = [
      ("--p", p != nil, by == .pqi), ("--q", q != nil, by == .pqi),
      ("--eta", eta != nil, by == .pqi), ("--gamma", gamma != nil, by == .pqi),
      ("--beta", beta != nil, by == .pqi),
      ("--amount", amount != nil, by != .pqi && !isPattern),
      ("--pattern", pattern != nil, by == .nm || by == .wanda),
      ("--scope", scope != nil, !isPattern), ("--iterations", iterations != 1, !isPattern),
      ("--norms", norms != nil, by == .wanda), ("--seed", seed != nil, by == .random),
    ]
    return given.filter { $0.isGiven && !$0.isUsed }.map { flag, _, _ in
      UsageError(
        "\(flag) has no meaning for --by \(by.rawValue)\(isPattern ? " with a pattern" : "")")
    }
  }
}
