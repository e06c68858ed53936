import Base
import Checkpoints
import Examples
import Networks
import SparCL
import TensorCore
import TestSupport
import Testing
import Training

/// A continual training of a small perceptron on the digits, in a run folder.
struct SmallContinualRun {
  var recipe = ContinualRecipe(
    tasks: [[0, 1, 2], [3]], epochs: 3, layers: ["blocks.0.weight", "blocks.2.weight"],
    sparsity: 0.8, schedule: MaskSchedule(sparsity: 0.8, exchange: 0.05, interval: 1, epochs: 3))
  var training = TrainingRecipe(.epochs(3))

  init() {
    recipe.gradientSparsity = 0.8
    recipe.gradientInterval = 3
    recipe.bufferSize = 40
    (recipe.removal, recipe.removalEnd) = (.share(0.3), 2)
    training.batch = 16
    training.rate = LearningRate(peak: 0.05)
    training.optimizer = SGD(momentum: 0.9)
    training.saveInterval = 5
  }

  func learner() throws -> ContinualLearner<Float> {
    let start = try StoredTensors("training/start.safetensors")
    let trainer = try Trainer<Float>(
      start.checkpoint, Digits.configuration(), training, OpenBLAS.compute())
    return ContinualLearner(
      trainer, recipe, try Digits.data("train"), ContinualDraws(seed: 1))
  }

  /// Runs the training in a folder until it ends, or is ended after some steps.
  /// - Parameter write: Receives the number of each task whose model is written.
  @discardableResult
  func run(
    in folder: String, endingAfter limit: Int? = nil, write: (Int) -> Void = { _ in },
    keep: @escaping (Int, String) -> Void = { _, _ in }
  ) throws -> ContinualResult {
    let cancellation = Cancellation()
    var steps = 0
    return try withoutActuallyEscaping(write) { write in
      try ContinualRun(
        learner(), test: Digits.data("test"), RunFolder(folder, command: ["verb": "test"]),
        cancellation: cancellation,
        advance: { count in
          steps += count
          if let limit, steps >= limit { cancellation.request(.interrupted) }
        },
        write: {
          write($0)
          return "sum of \($0)"
        }, keep: keep
      ).run()
    }
  }
}

@Suite(.needsOpenBLAS) struct ContinualRunTests {
  @Test("a finished training of tasks of different sizes is repeated without a change")
  func again() throws {
    let (folder, small) = (try TemporaryFolder(), SmallContinualRun())
    let first = try small.run(in: folder["run"])
    let files = try (folder.bytes("run/state.safetensors"), folder.bytes("run/log.jsonl"))
    var written: [Int] = []
    var kept: [String] = []
    let second = try small.run(in: folder["run"]) {
      written.append($0)
    } keep: {
      kept.append("\($0): \($1)")
    }
    #expect(written == [])
    #expect(kept == ["1: sum of 1", "2: sum of 2"])
    #expect(first.epochs == second.epochs && first.accuracies == second.accuracies)
    #expect(first.epochs.count == 6 && first.stepCount == second.stepCount)
    #expect(try folder.bytes("run/state.safetensors") == files.0)
    #expect(try folder.bytes("run/log.jsonl") == files.1)
  }

  @Test("a training that was ended continues with the same bytes", arguments: [1, 6, 27, 60, 75])
  func continued(limit: Int) throws {
    let (folder, small) = (try TemporaryFolder(), SmallContinualRun())
    try small.run(in: folder["whole"])
    #expect(throws: InterruptedError.self) {
      try small.run(in: folder["parts"], endingAfter: limit)
    }
    try small.run(in: folder["parts"])
    for name in [RunFolder.logName, RunFolder.stateName] {
      let (found, expected) = (
        try folder.bytes("parts/" + name), try folder.bytes("whole/" + name)
      )
      #expect(found == expected, "\(name)")
    }
  }

  @Test("a loss that is not finite leaves the last saved state as it is") func diverged() throws {
    let folder = try TemporaryFolder()
    var small = SmallContinualRun()
    small.training.rate.peak = 1e25
    let error = #expect(throws: FormatError.self) { try small.run(in: folder["run"]) }
    #expect(error?.code == .trainingDiverged)
    // The first state would be that after five steps.
    #expect(!folder.exists("run/state.safetensors"))
    let again = #expect(throws: FormatError.self) { try small.run(in: folder["run"]) }
    #expect(again?.message == error?.message)
  }

  @Test("gradients are limited by their norm after masking") func clip() throws {
    var small = SmallContinualRun()
    small.training.optimizer = SGD()
    small.training.rate.peak = 1
    small.training.clip = 1e-3
    let learner = try small.learner()
    try learner.prune()
    _ = try learner.beginEpoch()
    let before = learner.trainer.parameters.map { $0.value.numbers }
    _ = try learner.step(rate: 1)
    let changes = zip(learner.trainer.parameters, before).flatMap { parameter, before in
      zip(parameter.value.numbers, before).map { Double($0 - $1) }
    }
    let norm = changes.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(norm - 1e-3) <= 2e-6)
  }

  @Test("the first step of each task moves weights by the rate of Adam") func adam() throws {
    var small = SmallContinualRun()
    small.training.optimizer = Adam()
    (small.recipe.removal, small.recipe.epochs) = (nil, 1)
    let learner = try small.learner()
    try learner.prune()
    for task in 0..<2 {
      _ = try learner.beginEpoch()
      let index = try #require(
        learner.trainer.parameters.firstIndex { $0.name == "linear.weight" })
      let parameter = learner.trainer.parameters[index]
      let before = parameter.value.numbers
      _ = try learner.step(rate: 1e-3)
      let largest = zip(parameter.value.numbers, before).map { abs($0 - $1) }.max() ?? 0
      #expect(abs(largest - 1e-3) <= 1e-5, "task \(task + 1)")
      while learner.state.batch < learner.batchCount { _ = try learner.step(rate: 1e-3) }
      learner.endEpoch()
    }
  }

  @Test("a training has done at each place what its course states")
  func course() throws {
    let learner = try SmallContinualRun().learner()
    try learner.prune()
    while !learner.isDone {
      if learner.state.batch == 0 { _ = try learner.beginEpoch() }
      _ = try learner.step(rate: 0.01)
      if learner.state.batch == learner.batchCount { learner.endEpoch() }
      let state = learner.state
      let place = ContinualCourse.Place(task: state.task, epoch: state.epoch, batch: state.batch)
      let found = ContinualCourse.Counts(
        steps: state.step, epochs: state.epochCount, updates: state.updateCount,
        removals: state.removalCount, replays: state.replayCount,
        offers: state.buffer.reservoir.seen)
      let course = learner.course
      #expect(course.hasPlace(place) && course.counts(at: place) == found)
    }
    #expect(learner.state.step == learner.course.stepCount)
    #expect(learner.course.counts.updates == 6 && learner.course.counts.removals == 4)
  }

  /// A change of a tensor of the state.
  enum Damage: String, CaseIterable, Sendable {
    case manyBatches, otherTask, negativeStep, hugeCount, twice, unsorted, missing, short, float,
      mask, logits, loss, accuracy

    /// The name of the tensor.
    var name: String {
      switch self {
      case .manyBatches, .otherTask, .negativeStep, .hugeCount: "state/counts"
      case .twice, .unsorted, .short: "state/remaining"
      case .missing: "mask/blocks.0.weight"
      case .float: "state/sights"
      case .mask: "gradient_mask/blocks.2.weight"
      case .logits: "buffer/logits"
      case .loss: "state/losses"
      case .accuracy: "state/accuracies"
      }
    }

    /// Returns the changed numbers of a tensor of 64-bit words; nil for no tensor.
    func changed(_ words: [UInt64]) -> [UInt64]? {
      var words = words
      switch self {
      case .manyBatches: words[3] = 1000
      case .otherTask: words[1] = 3
      case .negativeStep: words[0] = .max
      case .hugeCount: words[8] = UInt64(Int.max)
      case .twice: words[1] = words[0]
      case .unsorted: words.swapAt(0, 1)
      case .short: words.removeLast()
      case .missing, .mask: return nil
      case .float: break
      case .logits: words[0] = Double.nan.bitPattern
      case .loss: words[0] = Double.infinity.bitPattern
      case .accuracy: words[0] = 1 << 40
      }
      return words
    }
  }

  @Test("a damaged state is an error that names the tensor", arguments: Damage.allCases)
  func damaged(damage: Damage) throws {
    let (folder, small) = (try TemporaryFolder(), SmallContinualRun())
    let limit = try small.learner().course.firstStep(ofTask: 1) + 3
    #expect(throws: InterruptedError.self) {
      try small.run(in: folder["run"], endingAfter: limit)
    }
    let state = try StoredTensors(path: folder["run/state.safetensors"])
    let tensors = try state.checkpoint.tensors.compactMap { tensor -> LazyTensor? in
      guard tensor.name == damage.name else { return tensor }
      let bytes = try tensor.bytes()
      let words = stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
        (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
      }
      return try damage.changed(words).map {
        try StoredTensors.tensor(
          tensor.name, damage == .loss || damage == .logits ? .f64 : .i64, words: $0)
      }
    }
    do {
      let writer = try RunFolder(folder["run"], command: ["verb": "test"])
      try writer.write(tensors, to: RunFolder.stateName)
    }
    let error = #expect(throws: FormatError.self) { try small.run(in: folder["run"]) }
    #expect(error?.code == .trainingState)
    #expect(error?.tensor == damage.name)
  }

  @Test("a log that lacks an epoch of the state is an error") func shortLog() throws {
    let (folder, small) = (try TemporaryFolder(), SmallContinualRun())
    try small.run(in: folder["run"])
    try folder.write([], to: "run/log.jsonl")
    let error = #expect(throws: FormatError.self) { try small.run(in: folder["run"]) }
    #expect(error?.code == .trainingState)
  }

  @Test(
    "all removals of a task together remove the share, rounded to the nearest number",
    arguments: [(0.29, 100, 29), (0.3, 7, 2), (0.5, 11, 6), (0.1, 3, 0)])
  func removals(share: Double, count: Int, removed: Int) {
    var recipe = SmallContinualRun().recipe
    (recipe.removal, recipe.removalEnd) = (.share(share), 2)
    let counts = (0..<3).map { recipe.remainingCount(of: count, inEpoch: $0) }
    #expect(counts[0] == count && counts[2] == count - removed)
    #expect(abs((counts[0] - counts[1]) - (counts[1] - counts[2])) <= 1)
  }

  @Test("an epoch without a full batch is found") func short() {
    var recipe = SmallContinualRun().recipe
    (recipe.removal, recipe.removalEnd) = (.count(90), 2)
    let course = ContinualCourse(recipe, exampleCounts: [200, 100, 8], batch: 16)
    #expect(
      course.shortEpochs == [
        ContinualCourse.ShortEpoch(task: 1, epoch: 2, exampleCount: 100),
        ContinualCourse.ShortEpoch(task: 2, epoch: 0, exampleCount: 8),
      ])
  }

  @Test(
    "given places of a growth must be as many different ones as it needs, all free",
    arguments: [
      ([1, 2], nil), ([1], "has 1 places"), ([1, 1], "twice"), ([0, 1], "that is 0"),
      ([1, 9], "that is 0"), ([-1, 1], "that is 0"),
    ] as [([Int], String?)])
  func growth(places: [Int], reason: String?) {
    let weights: [Float] = [1, 0, 0, 0]
    do throws(WeightMask.GrowthFault) {
      let mask = try WeightMask.grown(weights, by: 2, at: places)
      #expect(reason == nil && mask == [true, true, true, false])
    } catch {
      #expect(reason.map { error.reason.contains($0) } == true, "\(error.reason)")
    }
  }
}
