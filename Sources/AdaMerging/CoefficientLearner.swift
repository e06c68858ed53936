package import Checkpoints
package import Coefficients
import Examples
package import Models
package import Networks

/// A network whose weights are θ₀ + Σ λₖ τₖ, and the steps that change its coefficients λ.
///
/// A step adds up the gradients of the objective of all tasks, one task after another. The backward pass gives the gradient
/// of each tensor once and drops it; its dot products with the task vectors are the derivatives by λ. Memory holds the
/// values of one task, the gradients that are not complete, and a piece of each task vector for each worker.
/// Source: Yang et al., "AdaMerging", ICLR 2024, equations 5 to 7.
package final class CoefficientLearner<Scalar: NetworkScalar> {
  package let network: Network<Scalar>
  package let compute: Compute
  package let recipe: CoefficientRecipe
  package let tasks: [LearningTask]
  package let rows: CoefficientRows
  package let modelCount: Int
  /// The tensors with coefficients, in their order.
  private let parameters: [CombinedParameter<Scalar>]
  private let parametersByName: [String: CombinedParameter<Scalar>]
  /// The weight and the bias of each task's classifier; none for language models.
  private let heads: [[ResidentParameter<Scalar>]]
  /// λ before it is limited to 0 to 1, shape `[rows, models]`, and the state of Adam.
  private let raw: Value<Double>
  private let state: [Value<Double>]
  private let optimizer: Adam
  /// True if the values of each block are computed again in the backward pass.
  package var usesSegments = false
  private var tables = PositionTables<Scalar>()
  /// The tensors that a backward pass reached.
  package private(set) var usedNames: Set<String> = []

  /// The results of a step.
  package struct Step: Sendable {
    /// The number of the step, from 1 on.
    package var number: Int
    /// The objective before the step, for each task and batch.
    package var values: [[Double]]
    /// The derivatives by λ before it is limited, shape `[rows, models]`.
    package var gradient: [Double]
    /// λ after the step, before it is limited.
    package var raw: [Double]

    /// The mean of the batches of each task.
    package var means: [Double] {
      values.map { $0.reduce(0, +) / Double(max(1, $0.count)) }
    }
  }

  /// - Parameters:
  ///   - base: The checkpoint with θ₀.
  ///   - tensors: The tensors that have task vectors.
  ///   - election: The values of the task vectors that count; nil for all.
  /// - Throws: ``FormatError`` or ``SeveralErrors`` if the tensors do not fit the configuration.
  package init(
    _ base: Checkpoint, _ model: ModelConfiguration, _ tensors: [LearnedTensor],
    election: VectorElection? = nil, _ rows: CoefficientRows, _ recipe: CoefficientRecipe,
    _ tasks: [LearningTask], paths: [String], _ compute: Compute
  ) throws {
    (self.recipe, self.tasks, self.rows, self.compute) = (recipe, tasks, rows, compute)
    modelCount = paths.count
    let arena = compute.arena
    let start = [Scalar](
      repeating: Scalar(CoefficientRows.limited(recipe.start)), count: paths.count)
    var parameters: [CombinedParameter<Scalar>] = []
    var byName: [String: CombinedParameter<Scalar>] = [:]
    for tensor in tensors {
      let parameter = CombinedParameter<Scalar>(
        LazyParameter(tensor.base, path: base.path, in: arena),
        and: zip(tensor.models, paths).map { LazyParameter($0, path: $1, in: arena) },
        coefficients: start, election: election, isTrained: true, in: arena)
      parameters.append(parameter)
      byName[tensor.name] = parameter
    }
    self.parameters = parameters
    parametersByName = byName
    network = try Network<Scalar>.network(of: base, model, compute) { tensor in
      if let combined = byName[tensor.name] { return combined }
      return LazyParameter<Scalar>(tensor, path: base.path, in: arena)
    }
    heads = tasks.map { task in task.head.map { Self.parameters($0, task.name, arena) } ?? [] }
    let shape = [rows.count, paths.count]
    raw = Value(
      shape, Array(repeating: recipe.start, count: rows.count * paths.count), in: arena)
    optimizer = Adam(betas: recipe.betas, epsilon: recipe.epsilon)
    state = optimizer.stateNames.map { _ in Value(shape, isZero: true, in: arena) }
  }

  private static func parameters(
    _ head: LearningTask.Head, _ name: String, _ arena: Arena
  ) -> [ResidentParameter<Scalar>] {
    let weight = Value<Scalar>(
      [head.classCount, head.width], head.weight.map { Scalar($0) }, in: arena)
    let bias = head.bias.map {
      Value<Scalar>([head.classCount], $0.map { Scalar($0) }, in: arena)
    }
    return [ResidentParameter(name + ".weight", weight)]
      + (bias.map { [ResidentParameter(name + ".bias", $0)] } ?? [])
  }

  /// λ before it is limited, shape `[rows, models]`.
  package var rawCoefficients: [Double] { raw.numbers }

  /// λ before it is limited, and the state of Adam: all that a step changes.
  package var numbers: [[Double]] { ([raw] + state).map(\.numbers) }

  /// Replaces λ and the state of Adam by those of an earlier run.
  /// - Returns: False if their number is another one, in which case nothing has changed.
  package func restore(_ numbers: [[Double]]) -> Bool {
    let values = [raw] + state
    guard numbers.map(\.count) == values.map(\.count) else { return false }
    for (value, own) in zip(values, numbers) {
      var target = value.mutableSpan
      for (index, number) in own.enumerated() { target[index] = number }
    }
    return true
  }

  // MARK: Weights

  /// Keeps the merged values of some tensors in memory, so that each step forms them once.
  package func hold(_ names: Set<String>) {
    for parameter in parameters where names.contains(parameter.name) { parameter.hold() }
  }

  /// Forms the weights of the current coefficients.
  package func form() throws {
    guard !compute.arena.isCounting else { return }
    let numbers = raw.numbers
    for parameter in parameters {
      guard let row = rows[parameter.name] else { continue }
      let own = numbers[row * modelCount..<(row + 1) * modelCount]
      try parameter.set(own.map { Scalar(CoefficientRows.limited($0)) }, compute)
    }
  }

  // MARK: Network

  /// Returns the logits of a batch of a task.
  private func logits(
    _ task: Int, _ batch: Batch<Scalar>, _ tape: Tape<Scalar>
  ) throws -> Value<Scalar> {
    var windows = batch.windows
    if let image = network.configuration.image { windows.length = image.tokenCount }
    let output = try network.output(
      of: batch.input, tables.positions(of: network, windows, compute), tape,
      usesSegments: usesSegments)
    guard !heads[task].isEmpty else { return output }
    return try tape.apply(Linear(), [tape.apply(UnitRows(), [output])], heads[task])
  }

  /// Returns the share of correct predictions over all examples of a task that has labels; nil for others.
  package func accuracy(ofTask index: Int, check: () throws -> Void) throws -> Double? {
    let task = tasks[index]
    guard task.hasLabels else { return nil }
    var correct = 0
    for start in stride(from: 0, to: task.data.count, by: recipe.exampleCount) {
      try check()
      let end = min(task.data.count, start + recipe.exampleCount)
      let batch: Batch<Scalar> = task.data.batch(Array(start..<end), in: compute.arena)
      correct += batch.correctCount(try logits(index, batch, Tape(compute)))
    }
    return Double(correct) / Double(max(1, task.data.count))
  }

  // MARK: Steps

  /// Computes the objective of a task, and adds its derivatives.
  /// - Returns: The objective of each batch.
  private func add(
    _ task: Int, _ examples: [Int], to gradient: inout [Double]
  ) throws -> [Double] {
    let tape = Tape<Scalar>(compute, isRecording: true)
    let batch: Batch<Scalar> = tasks[task].data.batch(examples, in: compute.arena)
    let logits = try logits(task, batch, tape)
    let sign = recipe.objective == .loss ? -1.0 : 1
    let scores =
      recipe.objective == .loss
      ? try tape.apply(LogProbability(batch.targets), [logits])
      : try tape.apply(Entropy(), [logits])
    // The sum of the means of the batches, which have equally many rows.
    let objective = try tape.apply(Mean(factor: sign * Double(recipe.batchCount)), [scores])
    let numbers = compute.arena.isCounting ? [] : scores.numbers
    var sums = gradient
    try tape.backward(from: objective) { parameter, value in
      guard let combined = parametersByName[parameter.name], let row = rows[parameter.name] else {
        return
      }
      usedNames.insert(parameter.name)
      guard !compute.arena.isCounting else {
        return combined.countDerivatives(jobs: compute.jobs)
      }
      for (model, derivative) in try combined.derivatives(by: value, compute).enumerated() {
        sums[row * modelCount + model] += derivative
      }
    }
    gradient = sums
    let size = numbers.count / recipe.batchCount
    return numbers.isEmpty
      ? []
      : (0..<recipe.batchCount).map { batch in
        let own = numbers[batch * size..<(batch + 1) * size]
        return sign * own.reduce(0) { $0 + Double($1) } / Double(size)
      }
  }

  /// Counts the memory of a step in a counting arena: that of the task that needs most.
  package func countStep() throws {
    var gradient = raw.numbers
    for (index, task) in tasks.enumerated() {
      let examples = (0..<recipe.exampleCount).map { $0 % max(1, task.data.count) }
      _ = try add(index, examples, to: &gradient)
    }
  }

  /// Changes the coefficients by the gradients of all tasks. ``form()`` must have been called since the last change.
  ///
  /// - Parameters:
  ///   - number: The number of the step, from 1 on.
  ///   - examples: The examples of each task, its batches one after another.
  ///   - check: Called before each task; throws to end the step without a change.
  /// - Returns: The results. If a value or a derivative is not finite, nothing has changed.
  package func step(
    _ number: Int, _ examples: [[Int]], check: () throws -> Void
  ) throws -> Step {
    var gradient = [Double](repeating: 0, count: raw.count)
    var values: [[Double]] = []
    for (task, own) in examples.enumerated() {
      try check()
      values.append(try add(task, own, to: &gradient))
    }
    // The limits pass the gradient at 0 and 1, and stop it outside.
    let numbers = raw.numbers
    for index in gradient.indices where !(0...1).contains(numbers[index]) { gradient[index] = 0 }
    var result = Step(number: number, values: values, gradient: gradient, raw: numbers)
    guard result.isFinite else { return result }
    try optimizer.apply(
      ParameterUpdate(
        raw, gradient: Value(raw.shape, gradient, in: compute.arena), state: state, step: number,
        rate: recipe.rate, decay: 0, compute))
    result.raw = raw.numbers
    return result
  }
}

extension CoefficientLearner.Step {
  /// True if all values and derivatives are finite.
  package var isFinite: Bool {
    values.allSatisfy { $0.allSatisfy(\.isFinite) } && gradient.allSatisfy(\.isFinite)
  }
}
