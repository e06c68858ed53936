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
  /// - Parameter stepCount: The number of all steps of the training.
  /// - Throws: ``FormatError`` if a tensor is missing, has another shape, or has numbers that the training cannot have.
  init(
    _ tensors: [String: LazyTensor], path: String, into trainer: Trainer<Float>, stepCount: Int
  ) throws {
    let counts = try Self.counts(Self.countsName, count: 6, tensors, path)
    let losses = try Self.words(Self.lossesName, count: 2, tensors, path).map {
      Double(bitPattern: $0)
    }
    guard counts[0] <= stepCount, counts[1] <= counts[2], counts[3] <= counts[0],
      counts[4] <= counts[5]
    else { throw Self.damaged(path, Self.countsName) }
    guard losses.allSatisfy(\.isFinite) else { throw Self.damaged(path, Self.lossesName) }
    step = counts[0]
    epoch = Score(lossSum: losses[0], correctCount: counts[1], count: counts[2])
    if counts[3] > 0 {
      best = Best(
        epoch: counts[3],
        score: Score(lossSum: losses[1], correctCount: counts[4], count: counts[5]))
    }
    let updates = try Self.counts(
      Self.updatesName, count: trainer.parameters.count, tensors, path)
    let step = step
    guard updates.allSatisfy({ $0 <= step }) else { throw Self.damaged(path, Self.updatesName) }
    trainer.updateCounts = updates
    try Self.read(Self.values(of: trainer), tensors, path, in: trainer.compute.arena)
  }

  /// Reads values from the F32 tensors with their names and shapes.
  static func read(
    _ values: [(name: String, value: Value<Float>)], _ tensors: [String: LazyTensor],
    _ path: String, in arena: Arena
  ) throws {
    for (name, value) in values {
      let tensor = try tensor(name, .f32, value.shape, tensors, path)
      try LazyParameter<Float>(tensor, path: path, in: arena)
        .read(0..<value.count, into: value.memory, at: 0)
    }
  }

  /// The largest count in a state, so that sums of some counts do not overflow.
  private static let countLimit = 1 << 48

  /// Returns the whole numbers of an I64 tensor, each from 0 to 2^48.
  /// - Parameter count: The number of numbers; nil for as many as the tensor has.
  static func counts(
    _ name: String, count: Int? = nil, _ tensors: [String: LazyTensor], _ path: String
  ) throws -> [Int] {
    guard let found = tensors[name]?.info.elementCount else { throw damaged(path, name) }
    return try words(name, .i64, count: count ?? found, tensors, path).map { word in
      guard word <= UInt64(countLimit), let number = Int(exactly: word) else {
        throw damaged(path, name)
      }
      return number
    }
  }

  /// Returns the words of a tensor with one dimension.
  static func words(
    _ name: String, _ dtype: DType = .f64, count: Int, _ tensors: [String: LazyTensor],
    _ path: String
  ) throws -> [UInt64] {
    let bytes = try tensor(name, dtype, [count], tensors, path).bytes()
    let values = bytes.rawSpan
    return try (0..<count).map { index in
      guard let word = values.littleEndian(UInt64.self, at: 8 * index) else {
        throw damaged(path, name)
      }
      return word
    }
  }

  /// Returns a tensor of a dtype and shape.
  static func tensor(
    _ name: String, _ dtype: DType, _ shape: [Int], _ tensors: [String: LazyTensor],
    _ path: String
  ) throws -> LazyTensor {
    guard let tensor = tensors[name], tensor.fault == nil, tensor.info.dtype == dtype,
      tensor.info.shape.dimensions == shape
    else { throw damaged(path, name) }
    return tensor
  }

  static func damaged(_ path: String, _ name: String) -> FormatError {
    FormatError(
      .trainingState, "is missing, or does not have the shape and numbers of this training",
      path: path, tensor: name, hint: "remove the folder of the run, and repeat the command")
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
