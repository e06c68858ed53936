import Base
import Evaluation
import Networks
import Synchronization
import TestSupport
import Testing

/// Runs that go on from the state of a run that was stopped.
@Suite(.needsOpenBLAS) struct JournalTests {
  /// The messages of journals.
  private final class Notes: Sendable {
    let all = Mutex<[String]>([])
    func add(_ message: Message) { all.withLock { $0.append(message.description) } }
  }

  private func windows() throws -> TokenWindows {
    try TokenWindows(
      texts: [EvaluatedFixture.tokens("heldout_prose", 600)], length: 100, start: 0)
  }

  private func evaluator(
    _ compute: Compute, _ journal: BlockJournal?,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> Evaluator {
    Evaluator(
      try windows(),
      EvaluationResources(compute, memory: 1 << 28, folder: "/tmp", progress: progress),
      journal: journal)
  }

  /// Runs `body` with a journal until a number of blocks is done, then again to the end.
  private func resumed<Result>(
    after blockCount: Int, _ notes: Notes, _ body: (Evaluator, Compute) throws -> Result
  ) throws -> Result {
    let folder = try TemporaryFolder()
    let journal = try BlockJournal(folder: folder.path, key: "run") { notes.add($0) }
    let compute = try OpenBLAS.compute()
    // The stop comes from inside of a block, since progress cannot throw.
    let done = Atomic<Int>(0)
    let cancellation = Cancellation()
    let stopped = try OpenBLAS.compute(cancellation: cancellation)
    #expect(throws: (any Error).self) {
      _ = try body(
        evaluator(stopped, journal) { _ in
          if done.add(1, ordering: .relaxed).newValue == blockCount {
            cancellation.request(.interrupted)
          }
        }, stopped)
    }
    return try body(evaluator(compute, journal), compute)
  }

  @Test("scores are the same after a stop behind any block", arguments: 1...3)
  func scores(blockCount: Int) throws {
    let compute = try OpenBLAS.compute()
    let expected = try evaluator(compute, nil).scores(of: EvaluatedFixture.model(compute))
    let notes = Notes()
    let found = try resumed(after: blockCount, notes) { evaluator, compute in
      try evaluator.scores(of: EvaluatedFixture.model(compute))
    }
    #expect(found == expected)
    #expect(notes.all.withLock { $0 } == ["goes on after block \(blockCount) of 4"])
  }

  @Test("sums of inputs are the same after a stop")
  func calibration() throws {
    let compute = try OpenBLAS.compute()
    let expected = try evaluator(compute, nil).calibration(of: EvaluatedFixture.model(compute))
    let found = try resumed(after: 2, Notes()) { evaluator, compute in
      try evaluator.calibration(of: EvaluatedFixture.model(compute))
    }
    let weights = expected.layers.map(\.weight)
    #expect(weights.map { found.sums(of: $0) } == weights.map { expected.sums(of: $0) })
  }

  @Test("distances of blocks are the same after a stop")
  func comparison() throws {
    func compare(_ evaluator: Evaluator, _ compute: Compute) throws -> ModelComparison {
      try evaluator.comparison(
        of: EvaluatedFixture.model(compute) { name, bits, _ in
          name.hasSuffix("2.mlp.up_proj.weight") ? bits.map { $0 & 0xFFF0 } : nil
        }, against: EvaluatedFixture.model(compute), byLayer: true)
    }
    let compute = try OpenBLAS.compute()
    let expected = try compare(evaluator(compute, nil), compute)
    #expect(try resumed(after: 3, Notes(), compare) == expected)
  }

  @Test("a state of another run is left alone, and a damaged one is not used")
  func others() throws {
    let folder = try TemporaryFolder()
    let notes = Notes()
    let compute = try OpenBLAS.compute()
    let expected = try evaluator(compute, nil).scores(of: EvaluatedFixture.model(compute))
    let first = try BlockJournal(folder: folder.path, key: "first") { notes.add($0) }
    _ = try evaluator(compute, first).scores(of: EvaluatedFixture.model(compute))
    var bytes = try InputFile(path: first.path).bytes(
      at: 0, count: InputFile(path: first.path).byteCount)
    let second = try BlockJournal(folder: folder.path, key: "second") { notes.add($0) }
    #expect(first.path != second.path)
    #expect(
      try evaluator(compute, second).scores(of: EvaluatedFixture.model(compute)) == expected)
    try second.remove()
    bytes[bytes.count / 2] ^= 1
    try folder.write(bytes, to: FileSystem.baseName(of: first.path))
    #expect(try evaluator(compute, first).scores(of: EvaluatedFixture.model(compute)) == expected)
    let all = notes.all.withLock { $0 }
    #expect(all.count == 2 && all[0].contains("1 state") && all[1].contains("damaged"))
  }
}
