import SparCL

/// The numbers of steps, changes and draws of a continual training, from its settings and the sizes of its tasks alone.
///
/// An epoch has full batches only. Each is checked to have one, so that every example that should leave has been seen.
package struct ContinualCourse: Sendable {
  /// A place between two steps of a training.
  package struct Place: Sendable, Equatable {
    package var task: Int
    /// The number of epochs of the task that are done.
    package var epoch: Int
    /// The number of batches of the epoch that are done.
    package var batch: Int

    package init(task: Int, epoch: Int, batch: Int) {
      (self.task, self.epoch, self.batch) = (task, epoch, batch)
    }
  }

  /// Everything that was done before a place.
  package struct Counts: Sendable, Equatable {
    package var steps: Int
    package var epochs: Int
    /// The numbers of changes of masks, of removals and of replayed batches.
    package var updates: Int
    package var removals: Int
    package var replays: Int
    /// The number of examples that were offered to the buffer.
    package var offers: Int

    package init(
      steps: Int, epochs: Int, updates: Int, removals: Int, replays: Int, offers: Int
    ) {
      (self.steps, self.epochs, self.updates) = (steps, epochs, updates)
      (self.removals, self.replays, self.offers) = (removals, replays, offers)
    }
  }

  /// An epoch that has no full batch.
  package struct ShortEpoch: Sendable, Equatable {
    package var task: Int
    package var epoch: Int
    package var exampleCount: Int

    package init(task: Int, epoch: Int, exampleCount: Int) {
      (self.task, self.epoch, self.exampleCount) = (task, epoch, exampleCount)
    }
  }

  private let recipe: ContinualRecipe
  /// The number of examples of a step.
  package let batch: Int
  /// The number of examples of each task.
  package let exampleCounts: [Int]
  /// The number of steps before each task, and that of all.
  private let firstSteps: [Int]

  package init(_ recipe: ContinualRecipe, exampleCounts: [Int], batch: Int) {
    self.recipe = recipe
    self.batch = batch
    self.exampleCounts = exampleCounts
    var steps = [0]
    for count in exampleCounts {
      steps.append(steps[steps.count - 1] + Self.steps(count, recipe.epochs, recipe, batch))
    }
    firstSteps = steps
  }

  /// Returns the number of steps in the first epochs of a task with `count` examples.
  /// - Complexity: O(removals).
  private static func steps(
    _ count: Int, _ epochs: Int, _ recipe: ContinualRecipe, _ batch: Int
  ) -> Int {
    let removals = recipe.removalCount(throughEpoch: recipe.epochs)
    return (0...removals).reduce(0) { sum, removal in
      let start = removal * recipe.schedule.interval
      let end = removal == removals ? recipe.epochs : start + recipe.schedule.interval
      let length = max(0, min(end, epochs) - start)
      return sum + length * ((count - recipe.removedCount(of: count, removals: removal)) / batch)
    }
  }

  /// The number of all steps.
  package var stepCount: Int { firstSteps[firstSteps.count - 1] }

  /// Returns the number of steps before a task; that of all steps for the number of tasks.
  package func firstStep(ofTask task: Int) -> Int { firstSteps[task] }

  /// Returns the number of steps of a task.
  package func stepCount(ofTask task: Int) -> Int { firstSteps[task + 1] - firstSteps[task] }

  /// Returns the number of examples of a task that remain in an epoch.
  package func remainingCount(task: Int, epoch: Int) -> Int {
    recipe.remainingCount(of: exampleCounts[task], inEpoch: epoch)
  }

  /// The first epoch of each task that has too few examples for a batch.
  package var shortEpochs: [ShortEpoch] {
    exampleCounts.indices.compactMap { task in
      let count = exampleCounts[task]
      let removals = 0...recipe.removalCount(throughEpoch: recipe.epochs)
      let short = removals.first { recipe.removedCount(of: count, removals: $0) + batch > count }
      return short.map {
        ShortEpoch(task: task, epoch: $0 * recipe.schedule.interval, exampleCount: count)
      }
    }
  }

  /// Returns true if a training can be at a place.
  package func hasPlace(_ place: Place) -> Bool {
    guard place.task >= 0, place.epoch >= 0, place.batch >= 0 else { return false }
    guard place.task < exampleCounts.count else {
      return place == Place(task: exampleCounts.count, epoch: 0, batch: 0)
    }
    return place.epoch < recipe.epochs
      && place.batch < max(1, remainingCount(task: place.task, epoch: place.epoch) / batch)
  }

  /// Returns the number of the epochs of the task that have begun at a place, whose changes of masks and removals are done.
  package func begunEpochs(at place: Place) -> Int { place.epoch + (place.batch > 0 ? 1 : 0) }

  /// Returns what was done before a place, which the training must have.
  package func counts(at place: Place) -> Counts {
    let (begun, interval) = (begunEpochs(at: place), recipe.schedule.interval)
    var steps = firstSteps[place.task] + place.batch
    if place.epoch > 0 {
      steps += Self.steps(exampleCounts[place.task], place.epoch, recipe, batch)
    }
    func updates(_ epochs: Int) -> Int {
      recipe.masks == .dynamic ? epochs / interval + (epochs % interval == 0 ? 0 : 1) : 0
    }
    let perStep =
      switch recipe.replay {
      case .none: 0
      case .er: 1
      case .derpp: 2
      }
    let replaying = place.task == 0 || recipe.bufferSize == 0 ? 0 : steps - firstSteps[1]
    return Counts(
      steps: steps, epochs: place.task * recipe.epochs + place.epoch,
      updates: place.task * updates(recipe.epochs) + updates(begun),
      removals: place.task * recipe.removalCount(throughEpoch: recipe.epochs)
        + recipe.removalCount(throughEpoch: begun - 1),
      replays: replaying * perStep, offers: recipe.bufferSize == 0 ? 0 : steps * batch)
  }

  /// Returns what is done at the end.
  package var counts: Counts {
    counts(at: Place(task: exampleCounts.count, epoch: 0, batch: 0))
  }
}
