import Base
package import Checkpoints
package import Examples
package import Models
package import Networks
import TensorCore

/// A network in training: its parameters, the state of its optimizer, and the steps that change them.
///
/// A step computes the loss of a batch and its gradients, limits their norm, clears the gradients of masked weights, and
/// lets the optimizer change the parameters. Nothing changes if the loss or a gradient is not finite.
package final class Trainer<Scalar: NetworkScalar> {
  package let network: Network<Scalar>
  package let compute: Compute
  package let recipe: TrainingRecipe
  /// The trained parameters: weights in the order of the checkpoint, factors of adapters, projections of frequencies.
  package let parameters: [ResidentParameter<Scalar>]
  /// The running statistics of batch normalizations.
  package let statistics: [ResidentParameter<Scalar>]
  /// The state of the optimizer for each parameter.
  package private(set) var states: [[Value<Scalar>]] = []
  /// The number of steps that changed each parameter. It is below the number of steps for parameters that the loss of a
  /// step does not depend on.
  package internal(set) var updateCounts: [Int] = []
  /// The layers with trained adapters.
  package private(set) var adapted: [AdaptedLayer<Scalar>] = []
  /// The trained frequencies; nil for those of the network.
  package private(set) var rotation: CLEXRotation<Scalar>?
  /// A 1 for each weight that is kept and a 0 for each that stays 0, by names of parameters.
  private var masks: [String: Value<Scalar>] = [:]
  /// True if the values of each block are computed again in the backward pass.
  package var usesSegments = false
  /// True if batch normalizations use the statistics of the batch.
  private let trainsStatistics: Bool
  private var tables = PositionTables<Scalar>()

  /// The result of a step.
  package struct Outcome: Sendable {
    /// The mean loss of the batch, before the step.
    package var score: Score
    /// The norm of all gradients together, before it is limited.
    package var norm: Double
  }

  /// - Parameters:
  ///   - masks: Masks by names of parameters, whose shapes they have.
  ///   - part: The part of the network that is trained.
  ///   - readsLazily: True to read weights that are not trained whenever they are needed, which saves their memory.
  ///   - fit: The frequencies to train; nil for those of the network.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` if the tensors do not fit the configuration; ``UsageError`` if
  ///   adapters do not fit the network.
  package init(
    _ checkpoint: Checkpoint, _ model: ModelConfiguration, _ recipe: TrainingRecipe,
    masks: [String: LazyTensor] = [:], part: TrainedPart = .weights, readsLazily: Bool = false,
    fit: CLEXFitSettings? = nil, _ compute: Compute
  ) throws {
    var (parameters, statistics) = ([ResidentParameter<Scalar>](), [ResidentParameter<Scalar>]())
    network = try Network<Scalar>.network(of: checkpoint, model, compute) { tensor in
      if part.freezesWeights, readsLazily {
        return LazyParameter<Scalar>(tensor, path: checkpoint.path, in: compute.arena)
      }
      let isStatistic = Network<Scalar>.statisticNames.contains { tensor.name.hasSuffix("." + $0) }
      let parameter = ResidentParameter<Scalar>(
        tensor.name, try Self.value(of: tensor, path: checkpoint.path, compute),
        isTrained: !isStatistic && !part.freezesWeights)
      if part.freezesWeights { return parameter }
      if isStatistic { statistics.append(parameter) } else { parameters.append(parameter) }
      return parameter
    }
    if case .adapters(let settings) = part {
      for layer in try settings.layers(of: network) {
        let adapted = AdaptedLayer<Scalar>(
          layer, rank: settings.rank, seed: recipe.seed, in: compute.arena)
        network.adapters[layer.weight] = Adapter(a: adapted.a, b: adapted.b, scale: settings.scale)
        parameters += [adapted.a, adapted.b]
        self.adapted.append(adapted)
      }
    }
    if let fit {
      let rotation = CLEXRotation<Scalar>(
        fit, prefix: network.prefix, seed: recipe.seed, in: compute.arena)
      parameters += [rotation.up, rotation.down]
      self.rotation = rotation
    }
    self.parameters = parameters
    self.statistics = statistics
    self.recipe = recipe
    self.compute = compute
    for parameter in parameters {
      guard let mask = masks[parameter.name] else { continue }
      let value = try Self.mask(mask, compute)
      self.masks[parameter.name] = value
      if !compute.arena.isCounting { try compute.multiply(parameter.value, by: value) }
    }
    states = parameters.map { parameter in
      recipe.optimizer.stateNames.map { _ in
        Value(parameter.shape, isZero: true, in: compute.arena)
      }
    }
    updateCounts = parameters.map { _ in 0 }
    trainsStatistics = !part.freezesWeights
  }

  /// Returns all numbers of a tensor; only their memory if memory is counted.
  private static func value(
    of tensor: LazyTensor, path: String, _ compute: Compute
  ) throws -> Value<Scalar> {
    let value = Value<Scalar>(tensor.info.shape.dimensions, in: compute.arena)
    guard !compute.arena.isCounting else { return value }
    try LazyParameter<Scalar>(tensor, path: path, in: compute.arena)
      .read(0..<value.count, into: value.memory, at: 0)
    return value
  }

  /// Returns a 1 for each weight whose mask is not 0.
  private static func mask(_ tensor: LazyTensor, _ compute: Compute) throws -> Value<Scalar> {
    let value = Value<Scalar>(tensor.info.shape.dimensions, in: compute.arena)
    guard !compute.arena.isCounting else { return value }
    let bytes = try tensor.bytes()
    let size = bytes.count / max(1, value.count)
    var target = value.mutableSpan
    for index in 0..<value.count {
      let isKept = bytes[index * size..<(index + 1) * size].contains { $0 != 0 }
      target[index] = isKept ? 1 : 0
    }
    return value
  }

  // MARK: Network

  /// Returns the logits of a batch.
  /// - Parameters:
  ///   - step: The number of the step, counted from 0; nil for an evaluation.
  ///   - observe: Receives the moments of batch normalizations in training; nil for an evaluation.
  func logits(
    _ batch: Batch<Scalar>, _ tape: Tape<Scalar>, step: Int? = nil,
    observe: ((String, BatchMoments) throws -> Void)?
  ) throws -> Value<Scalar> {
    let positions =
      try rotation?.positions(ofStep: step, batch.windows, tape)
      ?? tables.positions(of: network, batch.windows, compute)
    var observer = Observer<Scalar>()
    observer.batch = observe
    return try network.output(
      of: batch.input, positions, tape, usesSegments: usesSegments, observer: observer)
  }

  /// Returns the score of some examples, with running statistics.
  package func score(_ batch: Batch<Scalar>) throws -> Score {
    let tape = Tape<Scalar>(compute)
    let logits = try logits(batch, tape, step: nil, observe: nil)
    let logProbabilities = try tape.apply(LogProbability(batch.targets), [logits])
    guard !compute.arena.isCounting else { return Score() }
    return Score(
      lossSum: -logProbabilities.numbers.reduce(0) { $0 + Double($1) },
      correctCount: batch.correctCount(logits), count: batch.targetCount)
  }

  // MARK: Steps

  /// Trains on a batch.
  /// - Parameters:
  ///   - number: The number of the step, from 1 on.
  ///   - rate: The learning rate.
  /// - Returns: The loss and the norm of the gradients. If one of them is not finite, nothing has changed.
  package func step(_ batch: Batch<Scalar>, number: Int, rate: Double) throws -> Outcome {
    let tape = Tape<Scalar>(compute, isRecording: true)
    var pending: [String: [Scalar]] = [:]
    let observe: (String, BatchMoments) throws -> Void = { self.update(&pending, $0, $1) }
    let logits = try logits(
      batch, tape, step: number - 1, observe: trainsStatistics ? observe : nil)
    let loss = try tape.apply(
      Mean(factor: -1, divisor: max(1, batch.targetCount)),
      [tape.apply(LogProbability(batch.targets), [logits])])
    guard !compute.arena.isCounting else {
      var kept: [Value<Scalar>] = []
      try tape.backward(from: loss) { kept.append($1) }
      return Outcome(score: Score(), norm: 0)
    }
    var outcome = Outcome(
      score: Score(
        lossSum: Double(loss.numbers[0]) * Double(batch.targetCount),
        correctCount: batch.correctCount(logits), count: batch.targetCount), norm: 0)
    guard outcome.score.lossSum.isFinite else { return outcome }
    var gradients: [String: Value<Scalar>] = [:]
    try tape.backward(from: loss) { gradients[$0.name] = $1 }
    let used = parameters.indices.filter { gradients[parameters[$0].name] != nil }
    outcome.norm = try compute.norm(used.compactMap { gradients[parameters[$0].name] })
    guard outcome.norm.isFinite else { return outcome }
    let factors = try clipFactors(used, gradients, norm: outcome.norm)
    for index in used {
      guard let gradient = gradients.removeValue(forKey: parameters[index].name) else { continue }
      let factor = isProjection(parameters[index]) ? factors.projections : factors.others
      if factor != 1 { try compute.scale(gradient, by: factor) }
      try update(index, gradient, rate: rate)
    }
    for statistic in statistics { if let new = pending[statistic.name] { statistic.set(new) } }
    return outcome
  }

  private func isProjection(_ parameter: ResidentParameter<Scalar>) -> Bool {
    rotation.map { parameter === $0.up || parameter === $0.down } ?? false
  }

  /// Returns the factors that limit the norms of the gradients of the projections of CLEX and of all others.
  /// - Parameter norm: The norm of all gradients.
  private func clipFactors(
    _ used: [Int], _ gradients: [String: Value<Scalar>], norm: Double
  ) throws -> (projections: Double, others: Double) {
    func factor(_ norm: Double, _ limit: Double?) -> Double {
      limit.map { Compute.clipFactor(norm: norm, limit: $0) } ?? 1
    }
    guard let limit = rotation?.settings.clip else {
      let all = factor(norm, recipe.clip)
      return (all, all)
    }
    func partNorm(ofProjections isProjection: Bool) throws -> Double {
      try compute.norm(
        used.filter { self.isProjection(parameters[$0]) == isProjection }
          .compactMap { gradients[parameters[$0].name] })
    }
    return try (
      factor(partNorm(ofProjections: true), limit),
      factor(partNorm(ofProjections: false), recipe.clip)
    )
  }

  private func update(
    _ index: Int, _ gradient: Value<Scalar>, rate: Double
  ) throws {
    let parameter = parameters[index]
    updateCounts[index] += 1
    var rate = rate
    if let rotation, isProjection(parameter) { rate *= rotation.settings.rateFactor }
    let mask = masks[parameter.name]
    if let mask { try compute.multiply(gradient, by: mask) }
    try apply(gradient, to: index, step: updateCounts[index], rate: rate)
    // Decay and momentum keep 0 at 0; this holds for any optimizer.
    if let mask { try compute.multiply(parameter.value, by: mask) }
  }

  /// Changes the parameter with an index by the optimizer.
  /// - Parameter step: The number of the steps that changed it, with this one.
  func apply(_ gradient: Value<Scalar>, to index: Int, step: Int, rate: Double) throws {
    let parameter = parameters[index]
    let isDecayed = recipe.decayed == .all || parameter.shape.count > 1
    try recipe.optimizer.apply(
      ParameterUpdate(
        parameter.value, gradient: gradient, state: states[index], step: step, rate: rate,
        decay: isDecayed ? recipe.weightDecay : 0, compute))
  }

  /// Adds a batch to the running statistics of a normalization.
  func update(
    _ pending: inout [String: [Scalar]], _ prefix: String, _ moments: BatchMoments
  ) {
    // The variance of a single number is not defined; a counting run has no moments.
    guard moments.count > 1, !moments.means.isEmpty else { return }
    let names = Network<Scalar>.statisticNames.map { prefix + $0 }
    let old = names.map { name in
      pending[name] ?? statistics.first { $0.name == name }?.value.numbers ?? []
    }
    let new = moments.running(old[0], old[1], momentum: ClassifierSettings.momentum)
    pending[names[0]] = new.mean
    pending[names[1]] = new.variance
  }

  /// True if all parameters, statistics and states of the optimizer are finite.
  package var isFinite: Bool {
    get throws {
      try (parameters + statistics).allSatisfy { try compute.isFinite($0.value) }
        && states.joined().allSatisfy { try compute.isFinite($0) }
    }
  }
}

extension ResidentParameter {
  /// Replaces all numbers.
  package func set(_ numbers: [Scalar]) {
    let value = value
    precondition(numbers.count == value.count)
    var target = value.mutableSpan
    for (index, number) in numbers.enumerated() { target[index] = number }
  }
}
