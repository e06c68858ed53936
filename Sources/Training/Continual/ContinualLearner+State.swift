import Base
import Checkpoints
import Examples
import Networks
import SparCL
import TensorCore

/// The state of a continual training as the tensors of a file.
extension ContinualLearner where Scalar == Float {
  /// The counts of ``ContinualState`` in the order of the file: those of a course, then those of the score.
  private var counts: [Int] {
    [
      state.step, state.task, state.epoch, state.batch, state.epochCount, state.updateCount,
      state.removalCount, state.replayCount, state.buffer.reservoir.seen,
      state.score.correctCount, state.score.count,
    ]
  }

  /// Returns the tensors of the state.
  func tensors() throws -> [LazyTensor] {
    let width = state.sights.map(\.count).max() ?? 0
    let sights = state.sights.flatMap { sights in
      sights.map { $0 ? UInt8(1) : 0 }
        + Array(repeating: UInt8(2), count: width - sights.count)
    }
    var result = [
      try TrainingState.tensor("state/counts", .i64, counts.map { UInt64($0) }),
      try TrainingState.tensor("state/losses", .f64, [state.score.lossSum.bitPattern]),
      try TrainingState.tensor("state/remaining", .i64, state.remaining.map { UInt64($0) }),
      try Self.bytes("state/sights", sights, [state.sights.count, width]),
      try TrainingState.tensor(
        "state/accuracies", .i64,
        state.accuracies.joined().flatMap { [$0.correct, $0.correctInTask, $0.count] }.map {
          UInt64($0)
        }),
      try TrainingState.tensor(
        "buffer/examples", .i64, state.buffer.examples.map { UInt64($0) }),
      try TrainingState.tensor("buffer/logits", .f64, state.buffer.logits.map(\.bitPattern)),
    ]
    for (name, mask) in state.masks.sorted(by: { $0.key < $1.key }) {
      result.append(try Self.bytes("mask/" + name, mask.map { $0 ? 1 : 0 }, [mask.count]))
    }
    for (name, mask) in state.gradientMasks.sorted(by: { $0.key < $1.key }) {
      result.append(
        try Self.bytes("gradient_mask/" + name, mask.map { $0 ? 1 : 0 }, [mask.count]))
    }
    for (name, numbers) in state.gradients.sorted(by: { $0.key < $1.key }) {
      result.append(
        try ValueTensorSource.tensor(
          "gradient/" + name, Value([numbers.count], numbers, in: compute.arena)))
    }
    return result
      + (try TrainingState.values(of: trainer).map {
        try ValueTensorSource.tensor($0.name, $0.value)
      })
  }

  private static func bytes(
    _ name: String, _ values: [UInt8], _ shape: [Int]
  ) throws -> LazyTensor {
    let info = try TensorInfo(name: name, dtype: .u8, shape: Shape(shape))
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: values),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: values.count, dtype: .u8))
  }

  // MARK: Restore

  /// Replaces the state by that of a file.
  /// - Throws: ``FormatError`` if a tensor is missing or does not fit the training.
  func restore(_ tensors: [String: LazyTensor], path: String) throws {
    try restoreCounts(tensors, path)
    try restoreExamples(tensors, path)
    try restoreBuffer(tensors, path)
    try restoreAccuracies(tensors, path)
    try restoreMasks(tensors, path)
    try TrainingState.read(
      TrainingState.values(of: trainer), tensors, path, in: compute.arena)
    applyMasks()
  }

  /// Restores the place of the training and all counts, which follow from it.
  private func restoreCounts(_ tensors: [String: LazyTensor], _ path: String) throws {
    let name = "state/counts"
    let found = try TrainingState.counts(name, count: counts.count, tensors, path)
    let place = ContinualCourse.Place(task: found[1], epoch: found[2], batch: found[3])
    guard course.hasPlace(place) else { throw TrainingState.damaged(path, name) }
    let done = course.counts(at: place)
    (state.task, state.epoch, state.batch) = (place.task, place.epoch, place.batch)
    (state.step, state.epochCount, state.updateCount) = (done.steps, done.epochs, done.updates)
    (state.removalCount, state.replayCount) = (done.removals, done.replays)
    state.buffer.reservoir = Reservoir(size: recipe.bufferSize, seen: done.offers)
    let loss = try TrainingState.words("state/losses", count: 1, tensors, path)[0]
    state.score = Score(
      lossSum: Double(bitPattern: loss), correctCount: found[9],
      count: place.batch * course.batch)
    guard found == counts, state.score.correctCount <= state.score.count else {
      throw TrainingState.damaged(path, name)
    }
    guard state.score.lossSum.isFinite else {
      throw TrainingState.damaged(path, "state/losses")
    }
  }

  /// Restores the examples that remain, and the answers to them.
  private func restoreExamples(_ tensors: [String: LazyTensor], _ path: String) throws {
    let names = ("state/remaining", "state/sights")
    let all = isDone ? 0 : examples[state.task].count
    let begun = course.begunEpochs(at: place)
    let count = isDone ? 0 : course.remainingCount(task: state.task, epoch: begun - 1)
    state.remaining = try TrainingState.counts(names.0, count: count, tensors, path)
    guard state.remaining.allSatisfy({ $0 < all }),
      zip(state.remaining, state.remaining.dropFirst()).allSatisfy({ $0 < $1 })
    else { throw TrainingState.damaged(path, names.0) }
    let width = tensors[names.1]?.info.shape.dimensions.last ?? 0
    let bytes = try TrainingState.tensor(names.1, .u8, [all, width], tensors, path).bytes()
    guard bytes.count == all * width else { throw TrainingState.damaged(path, names.1) }
    state.sights = (0..<all).map { row in
      bytes[row * width..<(row + 1) * width].filter { $0 < 2 }.map { $0 == 1 }
    }
  }

  private func restoreBuffer(_ tensors: [String: LazyTensor], _ path: String) throws {
    let count = state.buffer.reservoir.count
    state.buffer.examples = try TrainingState.counts(
      "buffer/examples", count: count, tensors, path)
    guard state.buffer.examples.allSatisfy({ $0 < data.count }) else {
      throw TrainingState.damaged(path, "buffer/examples")
    }
    state.buffer.logits = try TrainingState.words(
      "buffer/logits", count: count * state.buffer.classCount, tensors, path
    ).map { Double(bitPattern: $0) }
    guard state.buffer.logits.allSatisfy(\.isFinite) else {
      throw TrainingState.damaged(path, "buffer/logits")
    }
  }

  /// Restores the accuracies after each task that is done.
  private func restoreAccuracies(_ tensors: [String: LazyTensor], _ path: String) throws {
    let name = "state/accuracies"
    let numbers = try TrainingState.counts(
      name, count: 3 * state.task * (state.task + 1) / 2, tensors, path)
    let all = stride(from: 0, to: numbers.count, by: 3).map {
      TaskAccuracy(
        correct: numbers[$0], correctInTask: numbers[$0 + 1], count: numbers[$0 + 2])
    }
    guard all.allSatisfy({ $0.correct <= $0.count && $0.correctInTask <= $0.count }) else {
      throw TrainingState.damaged(path, name)
    }
    state.accuracies = (0..<state.task).map { task in
      let start = task * (task + 1) / 2
      return Array(all[start...start + task])
    }
  }

  /// Restores the masks of weights and gradients, and the latest gradients.
  private func restoreMasks(_ tensors: [String: LazyTensor], _ path: String) throws {
    (state.masks, state.gradientMasks, state.gradients) = ([:], [:], [:])
    for parameter in trainer.parameters {
      let name = parameter.name
      func mask(_ name: String) throws -> [Bool] {
        let bytes = try TrainingState.tensor(name, .u8, [parameter.count], tensors, path).bytes()
        guard bytes.count == parameter.count else { throw TrainingState.damaged(path, name) }
        return bytes.map { $0 != 0 }
      }
      let isPruned = recipe.layers.contains(name)
      guard isPruned || tensors["mask/" + name] != nil else { continue }
      state.masks[name] = try mask("mask/" + name)
      if recipe.gradientSparsity != nil, state.step > 0 {
        state.gradientMasks[name] = try mask("gradient_mask/" + name)
      }
      if isPruned, state.epochCount > 0 {
        let value = Value<Float>([parameter.count], in: compute.arena)
        try TrainingState.read([("gradient/" + name, value)], tensors, path, in: compute.arena)
        state.gradients[name] = value.numbers
      }
    }
  }
}
