import Base
import Checkpoints
package import Pruning
import Surveys

/// The settings that choose the weights to prune.
package struct PruneSettings: Codable, Sendable {
  /// A method that scores and selects weights.
  package enum Method: String, CaseIterable, Codable, Sendable {
    case pqi, magnitude, nm, random, wanda
  }

  package var method = Method.pqi
  /// pqi: the exponents of the PQ Index.
  package var p: Double?
  package var q: Double?
  package var eta: Double?
  package var gamma: Double?
  package var beta: Double?
  /// The weights that are ranked together: those of a neuron, of a layer, or all.
  package var scope: Pruning.Scope?
  /// The share of weights to prune, from 0 to 1.
  package var amount: Double?
  /// `N:M`: keeps n of every m consecutive weights.
  package var pattern: String?
  package var iterations = 1
  /// wanda: the path of a file with the norms of inputs.
  package var norms: String?
  /// random: the seed.
  package var seed: UInt64?
  /// True if weights that are 0 count as already pruned.
  package var zerosArePruned = false
  /// The path of a file with masks of the weights that are already pruned.
  package var mask: String?

  package init() {}
}

extension Pruning.Scope: Codable {}

extension PruneSettings {
  /// Returns the pruning request and all errors that can be found without reading an input.
  func pruning(
    selection: Selection, norms: Checkpoint?, mask: Checkpoint?
  ) -> (pruning: Pruning, errors: [any UserError]) {
    var errors = misplacedOptions
    var options = [Lineage.Option("by", method.rawValue)]
    let (score, selecting) = rule(norms: norms, &options, &errors)
    switch selecting {
    case .amount(_, let scope, let iterations):
      options.append(Lineage.Option("scope", scope.rawValue))
      if let amount { options.append(Lineage.Option("amount", String(amount))) }
      if iterations != 1 { options.append(Lineage.Option("iterations", String(iterations))) }
    case .pattern(let pattern):
      options.append(Lineage.Option("pattern", pattern.description))
    }
    if !(1...Pruning.iterationLimit).contains(iterations) {
      errors.append(
        UsageError(
          "\(setting: "iterations") is \(iterations), expected 1 to \(Pruning.iterationLimit)"))
    }
    if zerosArePruned { options.append(Lineage.Option("zeros-are-pruned", "true")) }
    options += selection.lineageOptions
    if zerosArePruned, mask != nil {
      errors.append(
        UsageError(
          "\(setting: "mask") and \(setting: "zeros-are-pruned") cannot be used together"))
    }
    return (
      Pruning(
        score: score, selecting: selecting, selection: selection,
        initialMask: mask.map(InitialMask.masks(of:)) ?? (zerosArePruned ? .zeros : .nothing),
        options: options), errors
    )
  }

  /// Returns the score of the weights and the rule that selects which are pruned.
  private func rule(
    norms: Checkpoint?, _ options: inout [Lineage.Option], _ errors: inout [any UserError]
  ) -> (any PruningScore, Pruning.Selecting) {
    switch method {
    case .pqi:
      let sap = sap(&errors)
      for (name, value) in [
        ("p", sap.exponents.p), ("q", sap.exponents.q), ("eta", sap.eta), ("gamma", sap.gamma),
        ("beta", sap.beta),
      ] { options.append(Lineage.Option(name, String(value))) }
      return (
        MagnitudeScore(),
        .amount(.adaptive(sap), scope: scope ?? .global, iterations: iterations)
      )
    case .magnitude:
      let amount = Amount.quantile(checkedAmount(&errors), wideRanks: scope == .neuron)
      return (
        MagnitudeScore(), .amount(amount, scope: scope ?? .global, iterations: iterations)
      )
    case .random:
      options.append(Lineage.Option("seed", String(seed ?? 0)))
      return (
        RandomScore(seed: seed ?? 0),
        .amount(
          .exactly(checkedAmount(&errors)), scope: scope ?? .global, iterations: iterations)
      )
    case .nm: return (MagnitudeScore(), .pattern(checkedPattern(&errors) ?? .twoOfFour))
    case .wanda:
      let pattern = checkedPattern(&errors)
      if norms == nil {
        errors.append(
          UsageError(
            "\(setting: "by") wanda needs the norms of inputs",
            hint:
              "pass \(setting: "norms") FILE, with the norm of each input feature under the weight's name"
          ))
      }
      return (
        norms.map { WandaScore(norms: $0) } ?? MagnitudeScore(),
        pattern.map(Pruning.Selecting.pattern)
          ?? .amount(
            .exactly(checkedAmount(&errors)), scope: scope ?? .neuron, iterations: iterations)
      )
    }
  }

  private func sap(_ errors: inout [any UserError]) -> SAP {
    let (p, q) = (p ?? PQIndex.standard.p, q ?? PQIndex.standard.q)
    let exponents = PQIndex(p: p, q: q)
    if exponents == nil {
      errors.append(
        UsageError("\(setting: "p") is \(p) and \(setting: "q") is \(q), expected 0 < p < q"))
    }
    let sap = SAP(
      exponents: exponents ?? .standard, eta: eta ?? 0, gamma: gamma ?? 1, beta: beta ?? 0.9)
    if !(sap.eta >= 0 && sap.eta.isFinite) {
      errors.append(UsageError("\(setting: "eta") is \(sap.eta), expected 0 or more"))
    }
    if !(sap.gamma > 0 && sap.gamma.isFinite) {
      errors.append(UsageError("\(setting: "gamma") is \(sap.gamma), expected more than 0"))
    }
    if !(sap.beta > 0 && sap.beta <= 1) {
      errors.append(UsageError("\(setting: "beta") is \(sap.beta), expected above 0 and up to 1"))
    }
    return sap
  }

  private func checkedPattern(_ errors: inout [any UserError]) -> Pattern? {
    guard let text = pattern else { return nil }
    let pattern = Pattern(text)
    if pattern == nil {
      errors.append(
        UsageError("\(setting: "pattern") is '\(text.printable)', expected N:M, such as 2:4"))
    }
    return pattern
  }

  private func checkedAmount(_ errors: inout [any UserError]) -> Double {
    guard let amount else {
      errors.append(
        UsageError(
          "\(setting: "by") \(method.rawValue) needs the share of weights to prune",
          hint: "for example: \(setting: "amount") 30%"))
      return 0
    }
    guard (0...1).contains(amount) else {
      errors.append(
        UsageError(
          "\(setting: "amount") is \(amount), expected a share from 0 to 1 or 0% to 100%",
          hint: ShareHint.hint(for: amount)))
      return 0
    }
    return amount
  }

  /// An error for each given option that the method does not use.
  private var misplacedOptions: [any UserError] {
    let isPattern = method == .nm || (method == .wanda && pattern != nil)
    let given: [(flag: String, isGiven: Bool, isUsed: Bool)] = [
      ("p", p != nil, method == .pqi), ("q", q != nil, method == .pqi),
      ("eta", eta != nil, method == .pqi), ("gamma", gamma != nil, method == .pqi),
      ("beta", beta != nil, method == .pqi),
      ("amount", amount != nil, method != .pqi && !isPattern),
      ("pattern", pattern != nil, method == .nm || method == .wanda),
      ("scope", scope != nil, !isPattern), ("iterations", iterations != 1, !isPattern),
      ("norms", norms != nil, method == .wanda), ("seed", seed != nil, method == .random),
    ]
    return given.filter { $0.isGiven && !$0.isUsed }.map { flag, _, _ in
      UsageError(
        "\(setting: flag) does not apply to \(setting: "by") \(method.rawValue)\(isPattern ? " with a pattern" : "")"
      )
    }
  }
}
