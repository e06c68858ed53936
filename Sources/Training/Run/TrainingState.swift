package import Base
import Checkpoints
import Networks
import TensorCore

/// The state of a training between two steps: everything that the next step depends on, but the data.
package struct TrainingState: Sendable, Equatable {
  /// The number of steps that are done.
  package var step = 0
  /// The score of the steps of an epoch that is not over.
  package var epoch = Score()
  /// The best epoch, counted from 1, and its score on the test data; nil before the first one.
  package var best: Best?

  package struct Best: Sendable, Equatable {
    package var epoch: Int
    package var score: Score
  }

  package init() {}
}

extension TrainingState {
  private static let countsName = "state/counts"
  private static let lossesName = "state/losses"
  private static let updatesName = "state/updates"

  /// Returns the tensors of the state: its numbers, and the values of the trainer.
  func tensors(of trainer: Trainer<Float>) throws -> [LazyTensor] {
    let counts = [
      step, epoch.correctCount, epoch.count, best?.epoch ?? 0, best?.score.correctCount ?? 0,
      best?.score.count ?? 0,
    ].map { UInt64($0) }
    let losses = [epoch.lossSum, best?.score.lossSum ?? 0].map(\.bitPattern)
    return [
      try Self.tensor(Self.countsName, .i64, counts),
      try Self.tensor(Self.lossesName, .f64, losses),
      try Self.tensor(Self.updatesName, .i64, trainer.updateCounts.map { UInt64($0) }),
    ] + (try Self.values(of: trainer).map { try ValueTensorSource.tensor($0.name, $0.value) })
  }

  /// The values of a trainer by their names in a file.
  static func values(
    of trainer: Trainer<Float>
  ) -> [(name: String, value: Value<Float>)] {
    let own = (trainer.parameters + trainer.statistics).map { ("parameter/" + $0.name, $0.value) }
    let names = trainer.recipe.optimizer.stateNames
    let states = zip(trainer.parameters, trainer.states).flatMap { parameter, values in
      zip(names, values).map { ("\($0)/" + parameter.name, $1) }
    }
    return own + states
  }

  static func tensor(
    _ name: String, _ dtype: DType, _ words: [UInt64]
  ) throws -> LazyTensor {
    let info = try TensorInfo(name: name, dtype: dtype, shape: Shape([words.count]))
    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: bytes),
      stored: StoredForm(file: name, byteOffset: 0, byteCount: bytes.count, dtype: dtype))
  }

  /// Reads the state of a folder into a trainer.
  /// - Throws: ``FormatError`` if a tensor is missing or has another shape.
  init(_ tensors: [String: LazyTensor], path: String, into trainer: Trainer<Float>) throws {
    let counts = try Self.words(Self.countsName, count: 6, tensors, path).map {
      Int(truncatingIfNeeded: $0)
    }
    let losses = try Self.words(Self.lossesName, count: 2, tensors, path).map {
      Double(bitPattern: $0)
    }
    step = counts[0]
    epoch = Score(lossSum: losses[0], correctCount: counts[1], count: counts[2])
    if counts[3] > 0 {
      best = Best(
        epoch: counts[3],
        score: Score(lossSum: losses[1], correctCount: counts[4], count: counts[5]))
    }
    trainer.updateCounts = try Self.words(
      Self.updatesName, count: trainer.parameters.count, tensors, path
    ).map { Int(truncatingIfNeeded: $0) }
    for (name, value) in Self.values(of: trainer) {
      let tensor = try Self.tensor(name, value.shape, tensors, path)
      try LazyParameter<Float>(tensor, path: path, in: trainer.compute.arena)
        .read(0..<value.count, into: value.memory, at: 0)
    }
  }

  static func words(
    _ name: String, count: Int, _ tensors: [String: LazyTensor], _ path: String
  ) throws -> [UInt64] {
    let bytes = try tensor(name, [count], tensors, path).bytes()
    guard bytes.count == 8 * count else { throw damaged(path, name) }
    return (0..<count).map { index in
      var word: UInt64 = 0
      for byte in 0..<8 { word |= UInt64(bytes[8 * index + byte]) << UInt64(8 * byte) }
      return word
    }
  }

  static func tensor(
    _ name: String, _ shape: [Int], _ tensors: [String: LazyTensor], _ path: String
  ) throws -> LazyTensor {
    guard let tensor = tensors[name], tensor.info.shape.dimensions == shape else {
      throw damaged(path, name)
    }
    return tensor
  }

  static func damaged(_ path: String, _ name: String) -> FormatError {
    FormatError(
      .trainingState, "is missing or has another shape", path: path, tensor: name,
      hint: "remove the folder of the run, and repeat the command")
  }
}

extension FormatError.Code {
  package static let trainingState = FormatError.Code(
    "train.state",
    meaning: "The state of a training that was ended is damaged.",
    remedy: "Remove the folder of the run and start it again.")
  package static let trainingDiverged = FormatError.Code(
    "train.diverged",
    meaning: "The loss or a gradient of a training is NaN or infinite.",
    remedy: "Use a lower learning rate, a longer warm-up, or a limit on the norm of gradients.")
  package static let trainingData = FormatError.Code(
    "train.data",
    meaning: "The examples of a training do not fit the network, or a label is not a class of it.",
    remedy: "Use examples of the shape in config.json, with labels from 0 to below num_labels.")
}
