import BLAS
import Base
import Checkpoints
import Examples
import InductionHeads
import Networks
import Recipes
import Repeats
import Training

/// The work on a member: its training, its losses and its heads.
extension Sweep {
  /// Returns the result of a member in its folder, and trains it if there is none.
  ///
  /// A training that was ended continues. Nothing is written if the result is there. If another process trains the
  /// member, this one waits for its end.
  /// - Returns: The result, and true if it is new.
  func run(_ member: SweepMember, in folder: String) throws -> (result: SweepResult, isNew: Bool) {
    let digest = try digest(of: member)
    let path = folder + "/" + member.name
    if let result = try SweepResult.read(path, digest: digest) { return (result, false) }
    let inputs = try inputs(of: member)
    let training = TrainRunOperation(
      model: member.name, settings: settings, output: path,
      verb: RepeatsSweepOperation.verb, options: try options(member))
    let (trainer, plan) = try training.trainer(inputs, context)
    let run = try RunFolder(path, command: inputs.command, waiting: context.cancellation)
    // The folder stays locked until the result is written.
    defer { withExtendedLifetime(run) {} }
    if let result = try SweepResult.read(path, digest: digest) { return (result, false) }
    let outcome = try training.run(trainer, inputs, run, plan, context)
    guard let epoch = outcome.epochs.last, let test = epoch.test else {
      throw FormatError(
        .trainingState, "the log of the training has no result", path: path,
        hint: "remove the folder of the run, and repeat the command")
    }
    let mixture = try mixture(member.variant)
    let result = SweepResult(
      digest: digest, model: try SweepResult.checksum(ofModelIn: path),
      parameterCount: trainer.parameters.reduce(0) { $0 + $1.count },
      stepCount: outcome.stepCount, tokens: mixture.count * windowLength,
      distinctTokens: mixture.distinctCount * windowLength, times: mixture.times,
      trainingLoss: epoch.training.loss, testLoss: test.loss,
      subsetLoss: try subset(of: member).map { try loss(of: $0, trainer) },
      heads: try heads(of: SweepResult.modelPath(path)))
    try result.write(path)
    return (result, true)
  }

  private var settings: TrainSettings {
    var settings = TrainSettings(recipe: nil, data: recipe.data)
    settings.kernels = kernels
    return settings
  }

  /// Returns the options that the lineage of a model records.
  private func options(_ member: SweepMember) throws -> [Lineage.Option] {
    [
      Lineage.Option("tokens", String(recipe.tokens)),
      Lineage.Option("mixture", member.variant.name),
      Lineage.Option("seed", String(member.seed)),
    ]
  }

  /// Returns the mean loss of examples.
  private func loss(of data: SelectedExamples, _ trainer: Trainer<Float>) throws -> Double {
    var total = Score()
    for start in stride(from: 0, to: data.count, by: trainer.recipe.batch) {
      try context.cancellation.check()
      let end = min(data.count, start + trainer.recipe.batch)
      total += try trainer.score(data.batch(Array(start..<end), in: trainer.compute.arena))
    }
    return total.loss
  }

  // MARK: Heads

  private func heads(of model: String) throws -> HeadSummary {
    let surveyed = try SurveyedHeads(model, kernels: kernels, context)
    let probed = try ProbedModel(model, kernels: kernels, context)
    let inputs = try ProbeInputs(probe, for: [probed], context)
    return HeadSummary(
      try surveyed.measures(composition: false), try probed.probe(inputs))
  }

  private var probe: ProbeSettings {
    var probe = recipe.probe
    probe.kernels = kernels
    return probe
  }

  /// Returns the sequences of the probe.
  /// - Throws: ``FormatError`` for settings of the probe that do not fit the network.
  private func probeInputs(
    for model: ProbedModel, size: String, _ context: OperationContext
  ) throws -> ProbeInputs {
    do { return try ProbeInputs(probe, for: [model], context) } catch let error as UsageError {
      throw FormatError(
        .recipe, "probe of the size \(size): " + error.message.description, path: recipe.path,
        hint: "change the keys of probe: length, sequences")
    }
  }

  // MARK: Checks

  /// The network of a size in training.
  struct SizePlan {
    var name: String
    var plan: TrainingInputs.Plan
  }

  /// Checks that the trainings of all sizes and the measures of their heads fit into the memory.
  /// - Returns: The plan of the longest training of each size.
  /// - Throws: All faults together.
  func plans() throws -> [SizePlan] {
    var (plans, faults) = ([SizePlan](), [any UserError]())
    for size in recipe.sizes {
      guard let member = recipe.members.first(where: { $0.size == size.name }) else { continue }
      do {
        let inputs = try inputs(of: member)
        plans.append(SizePlan(name: size.name, plan: try inputs.plan(context)))
        // The start stands for the model that the training will write.
        var planned = context
        planned.plannedOutputs[member.name] = inputs.checkpoint
        let surveyed = try SurveyedHeads(member.name, kernels: kernels, planned)
        try surveyed.checkMemory(composition: false)
        let probed = try ProbedModel(member.name, kernels: kernels, planned)
        try probed.check(probeInputs(for: probed, size: size.name, planned))
      } catch let error as SeveralErrors { faults += error.errors } catch let error
        as any UserError
      { faults.append(error) }
    }
    try SeveralErrors.throwIfAny(faults)
    return plans
  }
}
