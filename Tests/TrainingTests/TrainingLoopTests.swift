import Base
import Checkpoints
import Examples
import Foundation
import Networks
import TensorCore
import TestSupport
import Testing
import Training

@Suite(.needsOpenBLAS) struct TrainingLoopTests {
  private static let command: JSONObject = ["verb": "test", "seed": 1]

  private func recipe(_ change: (inout TrainingRecipe) -> Void = { _ in }) -> TrainingRecipe {
    var recipe = Digits.recipe
    recipe.length = .epochs(2)
    recipe.batch = 200
    recipe.saveInterval = 2
    recipe.kept = .best
    change(&recipe)
    return recipe
  }

  /// Runs a training in a folder until it ends, or is ended after some steps.
  /// - Returns: The bits of the weights.
  @discardableResult
  private func run(
    _ folder: String, _ recipe: TrainingRecipe, endingAfter limit: Int? = nil, jobs: Int = 1
  ) throws -> (result: TrainingResult, bits: [[UInt32]]) {
    let start = try StoredTensors("training/start.safetensors")
    let trainer = try Trainer<Float>(
      start.checkpoint, Digits.configuration(), recipe, OpenBLAS.compute(jobs: jobs))
    let cancellation = Cancellation()
    var steps = 0
    let loop = TrainingLoop(
      trainer, try Digits.data("train"), test: try Digits.data("test"), order: .random(seed: 1),
      try RunFolder(folder, command: Self.command), cancellation: cancellation
    ) { count in
      steps += count
      if let limit, steps >= limit { cancellation.request(.interrupted) }
    }
    let result = try loop.run()
    return (result, trainer.parameters.map { $0.value.numbers.map(\.bitPattern) })
  }

  @Test(
    "a training that was ended continues and ends with the same files",
    arguments: [0, 1, 3, 6, 7, 9, 13])
  func resumed(limit: Int) throws {
    let folder = try TemporaryFolder()
    let whole = try run(folder["whole"], recipe())
    #expect(throws: InterruptedError.self) {
      try run(folder["parts"], recipe(), endingAfter: limit)
    }
    let parts = try run(folder["parts"], recipe(), jobs: 2)
    #expect(parts.bits == whole.bits)
    #expect(parts.result.epochs == whole.result.epochs)
    for name in [RunFolder.logName, RunFolder.stateName, RunFolder.bestName] {
      let (found, expected) = (
        try folder.bytes("parts/" + name), try folder.bytes("whole/" + name)
      )
      #expect(found == expected, "\(name)")
    }
  }

  @Test("lines that a killed run logged after its last state are made again") func log() throws {
    let folder = try TemporaryFolder()
    try run(folder["whole"], recipe())
    #expect(throws: InterruptedError.self) { try run(folder["parts"], recipe(), endingAfter: 4) }
    // A run that was killed leaves lines without a state, and half a line.
    let log = try folder.bytes("whole/log.jsonl")
    let lines = log.split(separator: 0x0A)
    let kept = lines.prefix(6).joined(separator: [0x0A])
    try folder.write(Array(kept) + [0x0A] + Array(lines[6].prefix(9)), to: "parts/log.jsonl")
    try folder.write([1, 2, 3], to: "parts/.state.safetensors.partial-0123456789abcdef")
    try run(folder["parts"], recipe())
    #expect(try folder.bytes("parts/log.jsonl") == log)
  }

  @Test("a repeated command changes nothing") func again() throws {
    let folder = try TemporaryFolder()
    let first = try run(folder["run"], recipe())
    let state = try folder.bytes("run/state.safetensors")
    let second = try run(folder["run"], recipe())
    #expect(first.bits == second.bits && first.result.epochs == second.result.epochs)
    #expect(try folder.bytes("run/state.safetensors") == state)
  }

  @Test("the folder of another command is refused") func otherCommand() throws {
    let folder = try TemporaryFolder()
    _ = try RunFolder(folder["run"], command: Self.command)
    let error = #expect(throws: UsageError.self) {
      try RunFolder(folder["run"], command: ["verb": "test", "seed": 2])
    }
    #expect(error?.message.contains("different are seed") == true)
  }

  @Test("settings that differ are named, also those of a part of the command") func otherPart()
    throws
  {
    let folder = try TemporaryFolder()
    _ = try RunFolder(
      folder["run"], command: ["model": "m", "rope": ["steps": 2, "max_factor": 4], "bos": "auto"])
    let error = #expect(throws: UsageError.self) {
      try RunFolder(folder["run"], command: ["model": "m", "rope": ["steps": 3, "max_factor": 8]])
    }
    #expect(error?.message.contains("different are steps, max-factor, bos") == true)
  }

  @Test("a folder without a training is refused") func otherFolder() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "run/notes.txt")
    #expect(throws: OutputExistsError.self) {
      try RunFolder(folder["run"], command: Self.command)
    }
    #expect(try folder.bytes("run/notes.txt") == [1])
  }

  @Test("two runs do not write to one folder") func locked() throws {
    let folder = try TemporaryFolder()
    let first = try RunFolder(folder["run"], command: Self.command)
    #expect(throws: UsageError.self) {
      try RunFolder(folder["run"], command: Self.command)
    }
    #expect(first.path == folder["run"])
  }

  /// A change of the numbers of a state.
  enum Damage: String, CaseIterable, Sendable {
    case negativeStep, lateStep, hugeCount, lateEpoch, manyUpdates, infiniteLoss

    func change(_ counts: inout [UInt64], _ losses: inout [UInt64], _ updates: inout [UInt64]) {
      switch self {
      case .negativeStep: counts[0] = .max
      case .lateStep: counts[0] = 1000
      case .hugeCount: counts[2] = UInt64(Int.max)
      case .lateEpoch: counts[3] = 99
      case .manyUpdates: updates[0] = UInt64(Int.max)
      case .infiniteLoss: losses[0] = Double.infinity.bitPattern
      }
    }
  }

  @Test(
    "a state with numbers that the training cannot have is an error", arguments: Damage.allCases)
  func damaged(damage: Damage) throws {
    let folder = try TemporaryFolder()
    #expect(throws: InterruptedError.self) { try run(folder["run"], recipe(), endingAfter: 4) }
    let state = try StoredTensors(path: folder["run/state.safetensors"])
    func words(_ name: String) throws -> [UInt64] {
      let bytes = try state.tensor(name).bytes()
      return stride(from: 0, to: bytes.count, by: 8).map { start in
        (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
      }
    }
    var (counts, losses, updates) = (
      try words("state/counts"), try words("state/losses"), try words("state/updates")
    )
    damage.change(&counts, &losses, &updates)
    let changed = ["state/counts": counts, "state/losses": losses, "state/updates": updates]
    let tensors = try state.checkpoint.tensors.map { tensor in
      try changed[tensor.name].map {
        try StoredTensors.tensor(tensor.name, tensor.info.dtype, words: $0)
      } ?? tensor
    }
    do {
      try RunFolder(folder["run"], command: Self.command).write(tensors, to: RunFolder.stateName)
    }
    let error = #expect(throws: FormatError.self) { try run(folder["run"], recipe()) }
    #expect(error?.code == .trainingState)
  }

  @Test("a finished run without its best epoch is an error, not the last epoch") func noBest()
    throws
  {
    let folder = try TemporaryFolder()
    try run(folder["run"], recipe())
    try FileManager.default.removeItem(atPath: folder["run/best.safetensors"])
    let error = #expect(throws: FormatError.self) { try run(folder["run"], recipe()) }
    #expect(error?.code == .trainingState)
    #expect(error?.path.hasSuffix("best.safetensors") == true)
  }

  @Test("a log that lacks an epoch of the state is an error") func shortLog() throws {
    let folder = try TemporaryFolder()
    try run(folder["run"], recipe())
    try folder.write([], to: "run/log.jsonl")
    let error = #expect(throws: FormatError.self) { try run(folder["run"], recipe()) }
    #expect(error?.code == .trainingState)
  }

  @Test("a loss that is not finite stops the run, which keeps the state before the step")
  func diverged() throws {
    let folder = try TemporaryFolder()
    let wild = recipe {
      $0.rate = LearningRate(peak: 1e30)
      $0.clip = nil
    }
    let error = #expect(throws: FormatError.self) { try run(folder["run"], wild) }
    #expect(error?.code == .trainingDiverged)
    #expect(error?.message.contains("step 2") == true || error?.message.contains("step 3") == true)
    #expect(folder.exists("run/state.safetensors"))
    // The same command meets the same fault.
    #expect(throws: FormatError.self) { try run(folder["run"], wild) }
  }
}
