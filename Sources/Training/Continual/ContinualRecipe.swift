package import SparCL

/// The settings of a sparse training over several tasks.
package struct ContinualRecipe: Sendable {
  /// The rule for the weights that are trained.
  package enum Masks: String, CaseIterable, Codable, Sendable {
    /// Masks change by importance and at random.
    case dynamic
    /// The masks of the start stay.
    case fixed = "static"
    /// All weights are trained.
    case dense
  }

  /// The use of earlier examples.
  package enum Replay: String, CaseIterable, Codable, Sendable {
    /// Their labels.
    case er
    /// Their labels, and the logits that they had when they were stored.
    case derpp
    case none
  }

  /// The examples of a task that leave the training.
  package enum Removal: Sendable, Equatable {
    case share(Double)
    case count(Int)

    /// Returns the number of examples that leave of `count`: the share rounded to the nearest number, at most all.
    package func number(of count: Int) -> Int {
      switch self {
      case .share(let share):
        Int((share * Double(count)).rounded())  // fits: a share of the number of examples
      case .count(let number): min(number, count)
      }
    }
  }

  /// The classes of each task.
  package var tasks: [[Int]]
  /// The number of epochs of each task.
  package var epochs: Int
  package var masks = Masks.dynamic
  /// The names of the pruned weights.
  package var layers: Set<String>
  package var sparsity: Double
  package var schedule: MaskSchedule
  /// The factor of the gradient in the importance of a weight.
  package var importanceFactor = 0.5
  /// True if other tensors with a tenth or more zeros at the start are masked too.
  package var masksZeros = true
  /// The share of the gradients of each masked tensor that is cleared; nil to use those of all kept weights.
  package var gradientSparsity: Double?
  /// The number of steps with the same gradient mask.
  package var gradientInterval = 30
  package var bufferSize = 500
  package var replay = Replay.derpp
  /// The factors of the losses of stored logits and stored labels.
  package var logitWeight = 0.1
  package var labelWeight = 0.5
  package var removal: Removal?
  /// The last epoch of a task before which examples leave.
  package var removalEnd = 0

  package init(
    tasks: [[Int]], epochs: Int, layers: Set<String>, sparsity: Double, schedule: MaskSchedule
  ) {
    (self.tasks, self.epochs, self.layers) = (tasks, epochs, layers)
    (self.sparsity, self.schedule) = (sparsity, schedule)
  }

  /// The epochs of a task, counted from 0, before which examples leave.
  package var removalEpochs: [Int] {
    let count = removalCount(throughEpoch: epochs)
    return count == 0 ? [] : (1...count).map { $0 * schedule.interval }
  }

  /// Returns the number of the removals of a task before the end of an epoch, counted from 0.
  package func removalCount(throughEpoch epoch: Int) -> Int {
    guard removal != nil else { return 0 }
    return max(0, min(epoch, removalEnd, epochs - 1)) / schedule.interval
  }

  /// Returns the number of examples that the first `removals` rounds of a task with `count` examples remove.
  ///
  /// Rounds differ by at most one example, and all of them together remove ``Removal/number(of:)``.
  package func removedCount(of count: Int, removals: Int) -> Int {
    let rounds = removalCount(throughEpoch: epochs)
    guard let removal, rounds > 0 else { return 0 }
    return removal.number(of: count) * min(removals, rounds) / rounds
  }

  /// True if a removal after an epoch depends on the answers in it.
  func countsSights(inEpoch epoch: Int) -> Bool {
    removalCount(throughEpoch: epoch) < removalCount(throughEpoch: epochs)
  }

  /// Returns the number of examples that remain in an epoch of a task with `count` examples.
  package func remainingCount(of count: Int, inEpoch epoch: Int) -> Int {
    count - removedCount(of: count, removals: removalCount(throughEpoch: epoch))
  }
}
