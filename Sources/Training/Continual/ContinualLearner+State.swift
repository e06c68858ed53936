import Base
import Checkpoints
import Examples
import Networks
import SparCL
import TensorCore

/// The state of a continual training as the tensors of a file.
extension ContinualLearner where Scalar == Float {
  private static var countNames: [String] {
    [
      "step", "task", "epoch", "batch", "epochs", "updates", "removals", "replays", "seen",
      "correct", "count",
    ]
  }

  /// Returns the tensors of the state.
  func tensors() throws -> [LazyTensor] {
    let counts = [
      state.step, state.task, state.epoch, state.batch, state.epochCount, state.updateCount,
      state.removalCount, state.replayCount, state.buffer.reservoir.seen,
      state.score.correctCount, state.score.count,
    ]
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

  /// Replaces the state by that of a file.
  /// - Throws: ``FormatError`` if a tensor is missing or does not fit the training.
  func restore(_ tensors: [String: LazyTensor], path: String) throws {
    func words(_ name: String, count: Int? = nil) throws -> [Int] {
      guard let found = tensors[name]?.info.elementCount else {
        throw TrainingState.damaged(path, name)
      }
      return try TrainingState.words(name, count: count ?? found, tensors, path).map {
        Int(truncatingIfNeeded: $0)
      }
    }
    func check(_ isValid: Bool, _ name: String) throws {
      guard isValid else { throw TrainingState.damaged(path, name) }
    }
    let counts = try words("state/counts", count: Self.countNames.count)
    try check(
      counts.allSatisfy { $0 >= 0 } && counts[1] <= examples.count
        && counts[2] < max(1, recipe.epochs), "state/counts")
    (state.step, state.task, state.epoch, state.batch) = (
      counts[0], counts[1], counts[2], counts[3]
    )
    (state.epochCount, state.updateCount) = (counts[4], counts[5])
    (state.removalCount, state.replayCount) = (counts[6], counts[7])
    state.buffer.reservoir = Reservoir(size: recipe.bufferSize, seen: counts[8])
    let loss = try TrainingState.words("state/losses", count: 1, tensors, path)[0]
    state.score = Score(
      lossSum: Double(bitPattern: loss), correctCount: counts[9], count: counts[10])
    try restoreExamples(tensors, path, words, check)
    for (name, tensor) in tensors {
      let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
      guard parts.count == 2, ["mask", "gradient_mask", "gradient"].contains(parts[0]) else {
        continue
      }
      let parameter = trainer.parameters.first { $0.name == parts[1] }
      try check(parameter?.count == tensor.info.elementCount, name)
      if parts[0] == "gradient" {
        let value = Value<Float>([tensor.info.elementCount], in: compute.arena)
        try LazyParameter<Float>(tensor, path: path, in: compute.arena)
          .read(0..<value.count, into: value.memory, at: 0)
        state.gradients[parts[1]] = value.numbers
      } else {
        let mask = try tensor.bytes().map { $0 != 0 }
        try check(mask.count == tensor.info.elementCount, name)
        if parts[0] == "mask" {
          state.masks[parts[1]] = mask
        } else {
          state.gradientMasks[parts[1]] = mask
        }
      }
    }
    for (name, value) in TrainingState.values(of: trainer) {
      let tensor = try TrainingState.tensor(name, value.shape, tensors, path)
      try LazyParameter<Float>(tensor, path: path, in: compute.arena)
        .read(0..<value.count, into: value.memory, at: 0)
    }
    applyMasks()
  }

  /// Restores the lists of examples, the buffer and the accuracies.
  private func restoreExamples(
    _ tensors: [String: LazyTensor], _ path: String,
    _ words: (String, Int?) throws -> [Int], _ check: (Bool, String) throws -> Void
  ) throws {
    let count = state.task < examples.count ? examples[state.task].count : state.sights.count
    state.remaining = try words("state/remaining", nil)
    try check(state.remaining.allSatisfy { (0..<count).contains($0) }, "state/remaining")
    guard let tensor = tensors["state/sights"], tensor.info.shape.dimensions.count == 2,
      tensor.info.shape.dimensions[0] == count
    else { throw TrainingState.damaged(path, "state/sights") }
    let (width, bytes) = (tensor.info.shape.dimensions[1], try tensor.bytes())
    state.sights = (0..<count).map { row in
      bytes[row * width..<(row + 1) * width].filter { $0 < 2 }.map { $0 == 1 }
    }
    state.buffer.examples = try words("buffer/examples", recipe.bufferSize)
    try check(
      state.buffer.examples.allSatisfy { data.labels.indices.contains($0) }, "buffer/examples")
    let logits = recipe.bufferSize * state.buffer.classCount
    state.buffer.logits = try words("buffer/logits", logits).map {
      Double(bitPattern: UInt64(bitPattern: Int64($0)))
    }
    var rest = try words("state/accuracies", nil)[...]
    state.accuracies = []
    while !rest.isEmpty {
      let row = state.accuracies.count + 1
      try check(rest.count >= 3 * row, "state/accuracies")
      state.accuracies.append(
        (0..<row).map { _ in
          let all = Array(rest.prefix(3))
          rest = rest.dropFirst(3)
          return TaskAccuracy(correct: all[0], correctInTask: all[1], count: all[2])
        })
    }
  }
}
