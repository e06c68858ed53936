import Base
import Checkpoints
import Containers
import Operations
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
    #expect(recorder.phases == [.survey, .write])
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
    #expect(result.reports.count == 2 && recorder.failures == 1)
  }
}
