import Base
import Checkpoints
import Containers
import Operations
import Reporting
import Synchronization
import TensorCore
import TestSupport
import Testing

/// Operations that run without a terminal.
@Suite struct OperationRunTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Keeps what an operation reports.
  private final class Recorder: OperationObserver, Progress {
    private struct State {
      var notices: [OperationNotice] = []
      var phases: [ProgressPhase] = []
      var total = 0
      var done = 0
      var openPhases = 0
      var tensors = 0
      var finished = 0
    }

    private let state = Mutex(State())

    var progress: any Progress { self }
    func report(_ notice: OperationNotice) { state.withLock { $0.notices.append(notice) } }

    func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {
      state.withLock {
        $0.phases.append(phase)
        $0.total += byteCount
        $0.tensors += tensors
        $0.openPhases += 1
      }
    }

    func advance(byteCount: Int) { state.withLock { $0.done += byteCount } }
    func finish(tensor: TensorInfo) { state.withLock { $0.finished += 1 } }
    func end() { state.withLock { $0.openPhases -= 1 } }

    var phases: [ProgressPhase] { state.withLock { $0.phases } }
    var openPhases: Int { state.withLock { $0.openPhases } }
    var share: Double { state.withLock { Double($0.done) / Double(max(1, $0.total)) } }
    /// The number of tensors of all phases, and of tensors that were finished.
    var tensors: [Int] { state.withLock { [$0.tensors, $0.finished] } }
    var failures: Int {
      state.withLock { state in
        state.notices.count { if case .failure = $0 { true } else { false } }
      }
    }
  }

  private func context(_ recorder: Recorder, _ cancellation: Cancellation = Cancellation())
    -> OperationContext
  {
    OperationContext(
      jobs: 2, memory: MemoryBudget(limit: 2 << 30), temporaryFolder: folder.path,
      cancellation: cancellation, observer: recorder)
  }

  private var model: String { Fixtures.path("models/base") }

  @Test("phases begin and end, and progress reaches its total")
  func progress() throws {
    let recorder = Recorder()
    var operation = PruneOperation(
      input: model, output: OutputSettings(path: folder["pruned.sumac"]))
    operation.settings.method = .magnitude
    operation.settings.amount = 0.3
    let result = try operation.run(context(recorder))
    #expect(recorder.phases == [.identify, .survey, .write])
    #expect(recorder.openPhases == 0)
    #expect((0.5...1.01).contains(recorder.share))
    #expect(result.status == .done && result.reports.count == 1)
    let tensors = try Containers.read(folder["pruned.sumac"]).tensors
    let sparseCount = tensors.count { $0.record.isSparse }
    #expect(sparseCount > 0)
  }

  @Test(
    "files beside the weights are not tensors of the progress",
    arguments: ["x.sumac", "x.safetensors", "x"])
  func tensorCount(name: String) throws {
    let recorder = Recorder()
    _ = try ConvertOperation(input: model, output: OutputSettings(path: folder[name]))
      .run(context(recorder))
    #expect(recorder.tensors == [39, 39])
    let checked = Recorder()
    _ = try VerifyOperation(inputs: [folder[name]]).run(context(checked))
    #expect(checked.tensors == [39, 39])
    // A packed file is copied without decoding.
    let copied = Recorder()
    _ = try ConvertOperation(
      input: folder[name], output: OutputSettings(path: folder["copy.sumac"])
    ).run(context(copied))
    #expect(copied.tensors == [39, 39])
  }

  @Test("a plan writes nothing and says what the run then writes")
  func plan() throws {
    let recorder = Recorder()
    let operation = ConvertOperation(
      input: model, output: OutputSettings(path: folder["copy.safetensors"]))
    let plan = try operation.plan(context(recorder))
    #expect(try FileSystem.names(in: folder.path).isEmpty)
    #expect(recorder.phases.isEmpty)
    _ = try operation.run(context(recorder))
    let written = try FileSystem.byteCount(ofTree: folder["copy.safetensors"])
    #expect(plan.members["bytes"]?.asInt == written)
  }

  @Test("all faults that headers tell are thrown together, before any work")
  func faults() throws {
    let recorder = Recorder()
    var operation = ConvertOperation(
      input: model, output: OutputSettings(path: folder["missing/out.safetensors"]))
    operation.output.shardByteCount = 1 << 20
    operation.drop = ["no-such-tensor"]
    operation.storage.type = "int4"
    let error = #expect(throws: SeveralErrors.self) { try operation.run(context(recorder)) }
    #expect((error?.errors.count ?? 0) >= 4, "\(error?.description ?? "")")
    #expect(recorder.phases.isEmpty)
  }

  @Test(
    "a request to stop is honoured before the work and leaves nothing",
    arguments: ["convert", "merge", "inspect"])
  func stop(verb: String) throws {
    let cancellation = Cancellation()
    cancellation.request(.interrupted)
    let output = OutputSettings(path: folder["out.sumac"])
    let operation: any Operation
    switch verb {
    case "convert": operation = ConvertOperation(input: model, output: output)
    case "merge":
      var merge = MergeOperation(
        models: [Fixtures.path("models/poetry"), Fixtures.path("models/tech")], output: output)
      merge.settings.method = "linear"
      operation = merge
    default:
      var inspect = InspectOperation(inputs: [model])
      inspect.showsStatistics = true
      operation = inspect
    }
    let error = #expect(throws: InterruptedError.self) {
      try operation.run(context(Recorder(), cancellation))
    }
    #expect(error?.status == .interrupted)
    #expect(try FileSystem.names(in: folder.path).isEmpty)
  }

  @Test("an input that fails is reported, and the others are done")
  func batch() throws {
    let recorder = Recorder()
    let operation = InspectOperation(inputs: [model, folder["missing"], model])
    let result = try operation.run(context(recorder))
    #expect(result.status == .partOfBatchFailed)
    #expect(result.list?.items.count == 3 && recorder.failures == 1)
    let failure = try #require(result.list?.items[1])
    #expect(failure.path == folder["missing"] && failure.report is FailureReport)
  }

  @Test("the id of an input differs when its values differ, and is the same for equal files")
  func contentIDs() throws {
    let file = try InputFile(path: model + "/model.safetensors")
    var bytes = try file.bytes(at: 0, count: file.byteCount)
    try folder.write(bytes, to: "a.safetensors")
    try folder.write(bytes, to: "b.safetensors")
    // The last byte belongs to a value; the headers stay equal.
    bytes[bytes.count - 1] ^= 1
    try folder.write(bytes, to: "c.safetensors")
    let context = context(Recorder())
    let inputs = try ["a", "b", "c"].map { try context.read(folder["\($0).safetensors"]) }
    #expect(Set(inputs.map(\.identity.hash)).count == 1)
    let ids = try context.identified(inputs).map(\.identity.id)
    #expect(ids[0] == ids[1] && ids[0] != ids[2])
    #expect(ids.allSatisfy { $0.hasPrefix("content:") })
  }

  @Test("the id of a model folder differs when a companion file differs")
  func companionIDs() throws {
    for name in ["config.json", "model.safetensors"] {
      let file = try InputFile(path: model + "/" + name)
      let bytes = try file.bytes(at: 0, count: file.byteCount)
      try folder.write(bytes, to: "a/" + name)
      try folder.write(name == "config.json" ? bytes + [0x20] : bytes, to: "b/" + name)
    }
    let context = context(Recorder())
    let ids = try context.identified(["a", "b"].map { try context.read(folder[$0]) })
      .map(\.identity.id)
    #expect(ids[0] != ids[1])
  }

  @Test("the id that a lineage records is the one that explain shows")
  func recordedID() throws {
    let context = context(Recorder())
    let path = model + "/model.safetensors"
    _ = try ConvertOperation(input: path, output: OutputSettings(path: folder["x.safetensors"]))
      .run(context)
    let step = try #require(Containers.read(folder["x.safetensors"]).lineage.steps.last)
    let shown = try context.identified([context.read(path)])[0].identity.id
    #expect(step.inputs.map(\.id) == [shown])
    // A .sumac index contains checksums of all bytes, so its hash is the id.
    _ = try ConvertOperation(input: path, output: OutputSettings(path: folder["x.sumac"]))
      .run(context)
    #expect(try context.read(folder["x.sumac"]).identity.id.hasPrefix("sha256:"))
  }
}
