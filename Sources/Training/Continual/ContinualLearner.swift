package import Examples
package import Networks
import SparCL
import TensorCore

/// A network that learns tasks one after another with sparse weights, sparse gradients and fewer examples.
///
/// A step computes the loss of a batch over the classes of its task, and from the second task on that of stored examples;
/// each has a forward pass of its own, so that running statistics move with each of them. Gradients are masked, the
/// optimizer changes the weights, and the examples are offered to the buffer with the logits of the first pass.
/// Source: Wang et al., "SparCL", NeurIPS 2022, with the conventions of the authors' code.
package final class ContinualLearner<Scalar: NetworkScalar> {
  package let trainer: Trainer<Scalar>
  package let recipe: ContinualRecipe
  let data: LabelledExamples
  let draws: ContinualDraws
  /// The numbers of the examples of each task in the data.
  package let examples: [[Int]]
  package internal(set) var state: ContinualState<Scalar>
  /// The masks as values, and the tables with which products skip weights.
  private var masks: [String: Value<Scalar>] = [:]
  private var gradientMasks: [String: Value<Scalar>] = [:]
  private var supports: [String: SparseSupport] = [:]
  /// The order of the examples in the current epoch.
  private var order: (epoch: Int, examples: [Int])?

  package init(
    _ trainer: Trainer<Scalar>, _ recipe: ContinualRecipe, _ data: LabelledExamples,
    _ draws: ContinualDraws
  ) {
    self.trainer = trainer
    self.recipe = recipe
    self.data = data
    self.draws = draws
    examples = Self.examples(data, recipe.tasks)
    let classCount = trainer.network.configuration.classifier?.classCount ?? 0
    state = ContinualState(buffer: ReplayBuffer(size: recipe.bufferSize, classCount: classCount))
    guard !trainer.compute.arena.isCounting else { return }
    begin(task: 0)
  }

  /// Returns the numbers of the examples of each task in the order of the data.
  package static func examples(_ data: LabelledExamples, _ tasks: [[Int]]) -> [[Int]] {
    tasks.map { classes in data.labels.indices.filter { classes.contains(Int(data.labels[$0])) } }
  }

  var compute: Compute { trainer.compute }
  private var isDense: Bool { recipe.masks == .dense }

  /// The number of full batches of the current epoch.
  package var batchCount: Int { state.remaining.count / trainer.recipe.batch }

  package var isDone: Bool { state.task == recipe.tasks.count }

  // MARK: Masks

  /// Prunes the layers to the sparsity by magnitude, and masks other tensors that are a tenth or more 0.
  package func prune() throws {
    guard !isDense else { return }
    for parameter in trainer.parameters where recipe.layers.contains(parameter.name) {
      let weights = parameter.value.numbers
      let (mask, _) = WeightMask.mask(
        WeightMask.importance(weights, []), sparsity: recipe.sparsity)
      parameter.set(zip(weights, mask).map { $1 ? $0 : 0 })
      state.masks[parameter.name] = mask
    }
    for parameter in trainer.parameters where recipe.masksZeros {
      let weights = parameter.value.numbers
      let zeros = weights.count { $0 == 0 }
      guard !weights.isEmpty, 10 * zeros >= weights.count else { continue }
      state.masks[parameter.name] = weights.map { $0 != 0 }
    }
    applyMasks()
  }

  /// Makes the values and tables of the masks of the state.
  func applyMasks() {
    (masks, gradientMasks, supports) = ([:], [:], [:])
    for (name, mask) in state.masks { masks[name] = value(mask, name) }
    for (name, mask) in state.gradientMasks { gradientMasks[name] = value(mask, name) }
    for parameter in trainer.parameters where parameter.shape.count > 1 {
      supports[parameter.name] = state.masks[parameter.name].map(Self.support)
    }
  }

  private func value(_ mask: [Bool], _ name: String) -> Value<Scalar> {
    Value([mask.count], mask.map { $0 ? 1 : 0 }, in: compute.arena)
  }

  private static func support(_ mask: [Bool]) -> SparseSupport {
    SparseSupport(mask.indices.filter { mask[$0] }.map { UInt32($0) }, of: mask.count)
  }

  /// Lets products skip masked weights, and the gradients of weights that do not change in this step.
  /// - Parameter isRenewing: True if the gradients of all kept weights are needed.
  private func setPatterns(isRenewing: Bool) {
    for parameter in trainer.parameters {
      guard let kept = supports[parameter.name] else { continue }
      if isRenewing || parameter.pattern == nil {
        parameter.pattern = SparsePattern(kept: kept, trained: kept)
      } else if let mask = state.gradientMasks[parameter.name],
        parameter.pattern?.trained === parameter.pattern?.kept
      {
        parameter.pattern = SparsePattern(kept: kept, trained: Self.support(mask))
      }
    }
  }

  /// The change of the mask of a layer.
  package struct MaskChange: Sendable {
    package var name: String
    package var kept: Int
    package var weights: Int
    /// The places that were added at random.
    package var grown: Int
    /// The places of the mask before that are not in the new one.
    package var dropped: Int
  }

  /// Changes the masks at the start of an epoch.
  private func updateMasks() throws -> [MaskChange] {
    guard recipe.masks == .dynamic, let bounds = recipe.schedule.bounds(ofEpoch: state.epoch) else {
      return []
    }
    var changes: [MaskChange] = []
    for parameter in trainer.parameters where recipe.layers.contains(parameter.name) {
      let (name, weights) = (parameter.name, parameter.value.numbers)
      let terms = state.gradients[name].map {
        [WeightMask.Term(factor: recipe.importanceFactor, gradient: $0)]
      }
      let (kept, _) = WeightMask.mask(
        WeightMask.importance(weights, terms ?? []), sparsity: bounds.lower)
      let pruned = zip(weights, kept).map { $1 ? $0 : Scalar(0) }
      parameter.set(pruned)
      let growth = WeightMask.growth(pruned, lower: bounds.lower, upper: bounds.upper)
      var (mask, added): ([Bool], [Int])
      if case .random = growth, let places = try draws.grown(name, update: state.updateCount) {
        mask = pruned.map { $0 != 0 }
        for place in places where mask.indices.contains(place) { mask[place] = true }
        added = places
      } else {
        (mask, added) = WeightMask.grown(pruned, growth) { bound, index in
          draws.growth(name, update: state.updateCount, below: bound, index: index)
        }
      }
      let before = state.masks[name] ?? []
      changes.append(
        MaskChange(
          name: name, kept: mask.count { $0 }, weights: mask.count, grown: added.count,
          dropped: zip(before, mask).count { $0 && !$1 }))
      state.masks[name] = mask
    }
    state.updateCount += 1
    applyMasks()
    for parameter in trainer.parameters { parameter.pattern = nil }
    return changes
  }

  // MARK: Epochs

  private func begin(task: Int) {
    state.task = task
    (state.epoch, state.batch) = (0, 0)
    guard task < examples.count else { return }
    state.remaining = Array(examples[task].indices)
    state.sights = Array(repeating: [], count: examples[task].count)
    // The optimizer starts anew with each task.
    for values in trainer.states {
      for value in values {
        var numbers = value.mutableSpan
        for index in numbers.indices { numbers[index] = 0 }
      }
    }
  }

  /// The events at the start of an epoch.
  package struct EpochStart: Sendable {
    package var changes: [MaskChange]
    /// The examples that left, by their numbers in the task, and the counts of all that were seen.
    package var removed: [Int] = []
    package var counts: [(example: Int, count: Int)] = []
  }

  /// Changes the masks and removes examples, where the schedule says so.
  package func beginEpoch() throws -> EpochStart {
    var start = EpochStart(changes: try updateMasks())
    guard recipe.removalEpochs.contains(state.epoch) else { return start }
    let seen = state.sights.indices.filter { !state.sights[$0].isEmpty }
    start.counts = seen.map {
      ($0, Forgetting.count(state.sights[$0], neverRight: recipe.epochs))
    }
    let order =
      try draws.removal(state.removalCount, of: seen) ?? Forgetting.order(start.counts)
    let number = recipe.removedAtOnce(of: examples[state.task].count)
    (state.remaining, start.removed) = Forgetting.removing(
      number, of: state.remaining, order: order)
    state.removalCount += 1
    state.sights = Array(repeating: [], count: state.sights.count)
    return start
  }

  /// Counts an epoch, and a task after its last one.
  package func endEpoch() {
    state.score = Score()
    state.batch = 0
    state.epoch += 1
    state.epochCount += 1
    if state.epoch == recipe.epochs { begin(task: state.task + 1) }
  }

  // MARK: Steps

  /// The result of a step.
  package struct Outcome: Sendable {
    /// The mean loss over the batch, with the losses of stored examples.
    package var loss: Double
    package var score: Score
  }

  /// Returns the examples of the next batch, by their numbers in the task.
  private func nextBatch() throws -> [Int] {
    if order?.epoch != state.epochCount {
      order = (
        state.epochCount,
        try draws.order(ofEpoch: state.epochCount, count: state.remaining.count)
      )
    }
    let size = trainer.recipe.batch
    return (order?.examples ?? [])[state.batch * size..<(state.batch + 1) * size].map {
      state.remaining[$0]
    }
  }

  /// Trains on the next batch of the epoch.
  /// - Returns: The loss before the step. If it is not finite, nothing has changed.
  package func step(rate: Double) throws -> Outcome {
    let task = try nextBatch()
    let batch = task.map { examples[state.task][$0] }
    let isRenewing =
      recipe.gradientSparsity == nil || state.batch % recipe.gradientInterval == 0
    setPatterns(isRenewing: isRenewing)
    var pass = ReplayPass(self)
    let logits = try pass.add(batch, weight: 1) { logits, columns in
      ReplayLoss.crossEntropy(
        logits, columns: columns, targets: batch.map { self.data.labels[$0] },
        classes: self.recipe.tasks[self.state.task])
    }
    try addReplay(to: &pass)
    var outcome = Outcome(loss: pass.loss, score: Score())
    guard pass.loss.isFinite else { return outcome }
    try change(pass, isRenewing: isRenewing, rate: rate)
    for (row, example) in batch.enumerated() {
      let isRight = isRight(logits, row: row, example)
      state.sights[task[row]].append(isRight)
      outcome.score += Score(lossSum: pass.losses[row], correctCount: isRight ? 1 : 0, count: 1)
    }
    try store(batch, logits)
    state.step += 1
    state.batch += 1
    state.score += outcome.score
    return outcome
  }

  /// True if the first of the largest logits of a row is that of the example's class, among all classes.
  private func isRight(_ logits: [Double], row: Int, _ example: Int) -> Bool {
    let columns = state.buffer.classCount
    let values = logits[row * columns..<(row + 1) * columns]
    return values.firstIndex(of: values.max() ?? 0) == row * columns + Int(data.labels[example])
  }

  /// Adds the losses of stored examples, from the second task on.
  private func addReplay(to pass: inout ReplayPass<Scalar>) throws {
    guard state.task > 0, recipe.replay != .none, state.buffer.reservoir.count > 0 else { return }
    if recipe.replay == .derpp {
      let places = try choose()
      let columns = state.buffer.classCount
      let stored = places.flatMap {
        state.buffer.logits[$0 * columns..<($0 + 1) * columns]
      }
      _ = try pass.add(places.map { state.buffer.examples[$0] }, weight: recipe.logitWeight) {
        ReplayLoss.squaredError($0, columns: $1, stored: stored)
      }
    }
    let batch = try choose().map { state.buffer.examples[$0] }
    _ = try pass.add(batch, weight: recipe.labelWeight) { logits, columns in
      ReplayLoss.crossEntropy(
        logits, columns: columns, targets: batch.map { self.data.labels[$0] })
    }
  }

  private func choose() throws -> [Int] {
    defer { state.replayCount += 1 }
    let filled = state.buffer.reservoir.count
    return try draws.choice(
      min(trainer.recipe.batch, filled), below: filled, index: state.replayCount)
  }

  /// Changes parameters and statistics after masking the gradients.
  private func change(
    _ pass: ReplayPass<Scalar>, isRenewing: Bool, rate: Double
  ) throws {
    let isLast = state.batch == batchCount - 1
    for (index, parameter) in trainer.parameters.enumerated() {
      guard let gradient = pass.gradients[parameter.name] else { continue }
      let name = parameter.name
      if let mask = masks[name] {
        if isRenewing, let sparsity = recipe.gradientSparsity {
          var numbers = gradient.numbers
          let (kept, _) = GradientMask.apply(
            to: &numbers, weights: state.masks[name], sparsity: sparsity)
          state.gradientMasks[name] = kept
          gradientMasks[name] = value(kept, name)
        }
        try compute.multiply(gradient, by: gradientMasks[name] ?? mask)
      }
      if isLast, recipe.layers.contains(name) { state.gradients[name] = gradient.numbers }
      let isDecayed = trainer.recipe.decayed == .all || parameter.shape.count > 1
      try trainer.recipe.optimizer.apply(
        ParameterUpdate(
          parameter.value, gradient: gradient, state: trainer.states[index],
          step: state.step + 1, rate: rate,
          decay: isDecayed ? trainer.recipe.weightDecay : 0, compute))
      if let mask = masks[name] { try compute.multiply(parameter.value, by: mask) }
    }
    for statistic in trainer.statistics {
      if let new = pass.statistics[statistic.name] { statistic.set(new) }
    }
  }

  /// Offers the examples of a step to the buffer.
  private func store(_ batch: [Int], _ logits: [Double]) throws {
    guard recipe.bufferSize > 0 else { return }
    let columns = state.buffer.classCount
    for (row, example) in batch.enumerated() {
      let full = state.buffer.reservoir.seen - recipe.bufferSize
      let place = try state.buffer.reservoir.offer {
        try draws.reservoir(below: $0, index: full)
      }
      guard let place else { continue }
      state.buffer.store(example, logits[row * columns..<(row + 1) * columns], at: place)
    }
  }
}
