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
  package let course: ContinualCourse
  package internal(set) var state: ContinualState<Scalar>
  /// The masks as values, and the tables with which products skip weights.
  var masks: [String: Value<Scalar>] = [:]
  var gradientMasks: [String: Value<Scalar>] = [:]
  var supports: [String: SparseSupport] = [:]
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
    let examples = Self.examples(data, recipe.tasks)
    self.examples = examples
    course = ContinualCourse(
      recipe, exampleCounts: examples.map(\.count), batch: trainer.recipe.batch)
    let classCount = trainer.network.configuration.classifier?.classCount ?? 0
    state = ContinualState(buffer: ReplayBuffer(size: recipe.bufferSize, classCount: classCount))
    guard !trainer.compute.arena.isCounting else { return }
    begin(task: 0)
  }

  /// Returns the numbers of the examples of each task in the order of the data.
  package static func examples(_ data: LabelledExamples, _ tasks: [[Int]]) -> [[Int]] {
    var taskOfClass: [Int32: Int] = [:]
    for (task, classes) in tasks.enumerated() {
      for one in classes { taskOfClass[Int32(one)] = task }
    }
    var examples = tasks.map { _ in [Int]() }
    for (example, label) in data.labels.enumerated() {
      if let task = taskOfClass[label] { examples[task].append(example) }
    }
    return examples
  }

  var compute: Compute { trainer.compute }
  var isDense: Bool { recipe.masks == .dense }

  /// The number of full batches of the current epoch.
  package var batchCount: Int { state.remaining.count / trainer.recipe.batch }

  var place: ContinualCourse.Place {
    ContinualCourse.Place(task: state.task, epoch: state.epoch, batch: state.batch)
  }

  package var isDone: Bool { state.task == recipe.tasks.count }

  // MARK: Epochs

  private func begin(task: Int) {
    state.task = task
    (state.epoch, state.batch) = (0, 0)
    guard task < examples.count else {
      (state.remaining, state.sights) = ([], [])
      return
    }
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
    let number =
      state.remaining.count - course.remainingCount(task: state.task, epoch: state.epoch)
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
    /// False if a gradient is NaN or infinite.
    package var hasFiniteGradients = true
    package var score = Score()

    /// True if the step was made.
    package var isFinite: Bool { loss.isFinite && hasFiniteGradients }
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
  /// - Returns: The loss before the step. If it or a gradient is not finite, no parameter has changed.
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
    var outcome = Outcome(loss: pass.loss)
    guard pass.loss.isFinite else { return outcome }
    outcome.hasFiniteGradients = try pass.gradients.values.allSatisfy { try compute.isFinite($0) }
    guard outcome.hasFiniteGradients else { return outcome }
    try change(pass, isRenewing: isRenewing, rate: rate)
    let countsSights = recipe.countsSights(inEpoch: state.epoch)
    for (row, example) in batch.enumerated() {
      let isRight = isRight(logits, row: row, example)
      if countsSights { state.sights[task[row]].append(isRight) }
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

  /// Changes parameters and statistics after masking the gradients and limiting their norm.
  private func change(
    _ pass: ReplayPass<Scalar>, isRenewing: Bool, rate: Double
  ) throws {
    let used = trainer.parameters.enumerated().compactMap { index, parameter in
      pass.gradients[parameter.name].map { (index: index, parameter: parameter, gradient: $0) }
    }
    for one in used { try mask(one.gradient, of: one.parameter.name, isRenewing: isRenewing) }
    if let limit = trainer.recipe.clip {
      let factor = Compute.clipFactor(norm: try compute.norm(used.map(\.gradient)), limit: limit)
      if factor != 1 { for one in used { try compute.scale(one.gradient, by: factor) } }
    }
    let isLast = state.batch == batchCount - 1
    // The optimizer starts anew with each task, and so does the number of its steps.
    let number = state.step - course.firstStep(ofTask: state.task) + 1
    for (index, parameter, gradient) in used {
      if isLast, recipe.layers.contains(parameter.name) {
        state.gradients[parameter.name] = gradient.numbers
      }
      try trainer.apply(gradient, to: index, step: number, rate: rate)
      if let mask = masks[parameter.name] { try compute.multiply(parameter.value, by: mask) }
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
