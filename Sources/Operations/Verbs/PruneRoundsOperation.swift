import Base
import Checkpoints
import Networks
package import Pruning
package import Reporting
import Training

/// Trains and prunes a network in turn, in a folder with a run for each round.
///
/// Round r trains the model with the weights that are left, and prunes it. The next round starts from the initial values
/// of these weights; running statistics of batch normalizations go on.
/// Source: Diao et al., "Pruning deep neural networks from a sparsity perspective", algorithm 1; Frankle and Carbin, "The
/// lottery ticket hypothesis".
package struct PruneRoundsOperation: PlannedTraining {
  package static let verb = "prune rounds"

  /// A rule for the weights to prune.
  package enum Method: String, CaseIterable, Codable, Sendable {
    /// As many as the PQ Index of the latest model allows.
    case pqi
    /// A fixed share of the latest model.
    case lottery
    /// A fixed share of the model of round 0.
    case oneShot = "one-shot"
  }

  package var model: String
  package var settings: TrainSettings
  /// The path of the folder.
  package var output: String
  /// The number of prunings after which the network is trained again.
  package var rounds: Int
  package var method = Method.pqi
  package var scope = Pruning.Scope.global
  package var p: Double?
  package var q: Double?
  package var eta: Double?
  package var gamma: Double?
  package var beta: Double?
  /// The share that each round prunes of the remaining weights.
  package var amount: Double?
  /// The tensors to prune.
  package var selection = SelectionSettings()
  /// True if the rounds continue with the trained weights.
  package var keepsWeights = false

  package init(model: String, settings: TrainSettings, output: String, rounds: Int) {
    self.model = model
    self.settings = settings
    self.output = output
    self.rounds = rounds
  }

  private static let roundLimit = 1000

  // MARK: Paths

  private static func isRound(_ name: String) -> Bool { name.hasPrefix("round-") }

  private func folder(_ round: Int) -> String { output + "/round-\(round)" }
  private func trained(_ round: Int) -> String {
    folder(round) + "/" + TrainRunOperation.modelName
  }
  /// The masks of the weights that are left after a round.
  private func mask(_ round: Int) -> String { folder(round) + "/mask.sumac" }
  private func pruned(_ round: Int) -> String { folder(round) + "/pruned.sumac" }

  // MARK: Rounds

  package func run(_ context: OperationContext) throws -> OperationResult {
    try check()
    // All faults of the inputs are found before the folder is created.
    let inputs = try TrainingInputs(
      model, settings, rounds: (0, rounds + 1), context)
    _ = try inputs.plan(context)
    _ = try pruning(of: model, mask: settings.mask, context)
    let command = try command(inputs)
    let run = try RunFolder(output, command: command, mayHold: Self.isRound)
    var rows: [PruningRounds.Row] = []
    for round in 0...rounds {
      let result = try train(round, context)
      let weights = try prune(round, context)
      guard let epoch = result.kept(inputs.recipe.kept), let weights else { continue }
      rows.append(PruningRounds.Row(round: round, epoch: epoch, weights: weights))
    }
    let report = PruningRounds(
      model: model, folder: output, method: method.rawValue, scope: scope.rawValue, rows)
    try ReportFile.write(
      report.plot, to: run.path + "/rounds.svg", replacesExisting: true)
    return OperationResult(reports: [report])
  }

  package func plan(_ context: OperationContext) throws -> any Report {
    try check()
    let inputs = try TrainingInputs(
      model, settings, rounds: (0, rounds + 1), context)
    let plan = try inputs.plan(context)
    _ = try pruning(of: model, mask: settings.mask, context)
    try RunFolder.check(output, command: try command(inputs), mayHold: Self.isRound)
    return TrainingPlanReport(
      model: model, folder: output, inputs, plan, trainings: rounds + 1, context)
  }

  private func check() throws {
    var errors: [any UserError] = []
    if !(1...Self.roundLimit).contains(rounds) {
      errors.append(
        UsageError("\(setting: "rounds") is \(rounds), expected 1 to \(Self.roundLimit)"))
    }
    if method == .pqi, amount != nil {
      errors.append(UsageError("\(setting: "amount") does not apply to \(setting: "by") pqi"))
    }
    if method != .pqi {
      if amount == nil {
        errors.append(
          UsageError(
            "\(setting: "by") \(method.rawValue) needs the share of weights that each round prunes",
            hint: "for example: \(setting: "amount") 20%"))
      }
      for (name, value) in [("p", p), ("q", q), ("eta", eta), ("gamma", gamma), ("beta", beta)]
      where value != nil {
        errors.append(
          UsageError("\(setting: name) does not apply to \(setting: "by") \(method.rawValue)"))
      }
    }
    try SeveralErrors.throwIfAny(errors)
  }

  private func command(_ inputs: TrainingInputs) throws -> JSONObject {
    var command = inputs.command
    command["by"] = .string(method.rawValue)
    command["scope"] = .string(scope.rawValue)
    command["rounds"] = JSONValue(rounds)
    command["continues"] = .bool(keepsWeights)
    for (name, value) in [
      ("p", p), ("q", q), ("eta", eta), ("gamma", gamma), ("amount", amount),
    ] { command[name] = value.map { JSONValue($0) } ?? .null }
    if let beta { command["beta"] = JSONValue(beta) }
    if let tensors = try selection.command() { command["tensors"] = tensors }
    return command
  }

  /// Trains the weights that are left after the round before.
  private func train(_ round: Int, _ context: OperationContext) throws -> TrainingResult {
    var settings = settings
    if round > 0 { settings.mask = mask(round - 1) }
    let start = round > 0 && keepsWeights ? pruned(round - 1) : model
    let run = TrainRunOperation(model: start, settings: settings, output: folder(round))
    let inputs = try TrainingInputs(
      start, settings, rounds: (round, rounds + 1), context)
    return try run.run(inputs, context) { trainer in
      guard round > 0, !trainer.statistics.isEmpty else { return }
      let last = try context.read(trained(round - 1), for: .report)
      for statistic in trainer.statistics {
        guard let tensor = last.tensors.first(where: { $0.name == statistic.name }) else {
          continue
        }
        try LazyParameter<Float>(tensor, path: last.path, in: trainer.compute.arena)
          .read(0..<statistic.value.count, into: statistic.value.memory, at: 0)
      }
    }
  }

  /// Returns the operation that prunes a model.
  private func pruning(
    of input: String, mask: String?, to output: String = "pruned.sumac"
  ) -> PruneOperation {
    var settings = OutputSettings(path: output)
    settings.replacesExisting = true
    var operation = PruneOperation(input: input, output: settings)
    operation.settings.method = method == .pqi ? .pqi : .magnitude
    operation.settings.scope = scope
    operation.settings.p = p
    operation.settings.q = q
    operation.settings.eta = eta
    operation.settings.gamma = gamma
    operation.settings.beta = beta
    operation.settings.amount = amount
    operation.settings.mask = mask
    operation.selection = selection
    return operation
  }

  /// Checks that a model can be pruned.
  private func pruning(
    of input: String, mask: String?, _ context: OperationContext
  ) throws -> OutputRequest {
    let request = try pruning(of: input, mask: mask).request(context)
    try SeveralErrors.throwIfAny(request.errors)
    return request
  }

  private func prune(
    _ round: Int, _ context: OperationContext
  ) throws -> PruningReport.Summary? {
    let source = method == .oneShot ? trained(0) : trained(round)
    var operation = pruning(
      of: source, mask: round > 0 ? mask(round - 1) : settings.mask, to: pruned(round))
    operation.maskOutput = mask(round)
    return try operation.run(context).reports.lazy.compactMap { ($0 as? PruningReport)?.summary }
      .first
  }
}
