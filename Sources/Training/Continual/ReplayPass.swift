import Examples
import Networks
import SparCL

/// The forward and backward passes of a step, whose gradients are added.
struct ReplayPass<Scalar: NetworkScalar> {
  private let learner: ContinualLearner<Scalar>
  /// Σ weight · mean loss of the passes.
  var loss = 0.0
  /// The losses of the first pass.
  var losses: [Double] = []
  var gradients: [String: Value<Scalar>] = [:]
  /// The running statistics after all passes.
  var statistics: [String: [Scalar]] = [:]

  init(_ learner: ContinualLearner<Scalar>) { self.learner = learner }

  /// Runs a batch forward and, with `weight` times the mean of its losses, backward.
  /// - Parameter examples: The numbers of the examples in the data.
  /// - Returns: The logits.
  mutating func add(
    _ examples: [Int], weight: Double,
    _ loss: (_ logits: [Double], _ columns: Int) -> ReplayLoss.Result
  ) throws -> [Double] {
    let (trainer, compute) = (learner.trainer, learner.compute)
    let tape = Tape<Scalar>(compute, isRecording: true)
    var pending = statistics
    let logits = try trainer.logits(
      learner.data.batch(examples, in: compute.arena), tape
    ) { trainer.update(&pending, $0, $1) }
    statistics = pending
    let share = weight / Double(examples.count)
    let numbers = logits.numbers.map { Double($0) }
    let gradient: Value<Scalar>
    if compute.arena.isCounting {
      gradient = Value(logits.shape, in: compute.arena)
    } else {
      let result = loss(numbers, logits.columns)
      if losses.isEmpty { losses = result.losses }
      self.loss += share * result.losses.reduce(0, +)
      guard self.loss.isFinite else { return numbers }
      gradient = Value(
        logits.shape, result.gradient.map { Scalar($0 * share) }, in: compute.arena)
    }
    var sums = gradients
    try tape.backward(from: logits, gradient: gradient) { parameter, gradient in
      guard let sum = sums[parameter.name] else {
        sums[parameter.name] = gradient
        return
      }
      try compute.addIfWorking(gradient, to: sum)
    }
    gradients = sums
    return numbers
  }
}
