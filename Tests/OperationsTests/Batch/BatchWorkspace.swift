import Base
import Checkpoints
import Operations
import Reporting
import Synchronization
import TensorCore
import TestSupport

/// A folder of small models, and runs of batches on them.
struct BatchWorkspace {
  let folder: TemporaryFolder

  /// Creates `count` model folders `models/m01`, `models/m02`, …, each with other values.
  init(models count: Int = 12) throws {
    folder = try TemporaryFolder()
    for index in 1...max(1, count) { try writeModel(index) }
  }

  static func name(_ index: Int) -> String { "m" + (index < 10 ? "0" : "") + String(index) }

  func writeModel(_ index: Int, seed: UInt64? = nil) throws {
    var random = SeededGenerator(seed: seed ?? UInt64(index))
    let rows = 8 + index
    let values = (0..<rows * 64).map { _ in Float.random(in: -1...1, using: &random) }
    let name = "models/\(Self.name(index))/"
    try folder.write(Self.safetensors(rows: rows, values), to: name + "model.safetensors")
    try folder.write(
      Array(#"{"model_type": "llama", "index": \#(index)}"#.utf8), to: name + "config.json")
  }

  private static func safetensors(rows: Int, _ values: [Float]) -> [UInt8] {
    let header =
      #"{"model.layers.0.mlp.up_proj.weight":{"dtype":"F32","shape":[\#(rows),64],"data_offsets":[0,"#
      + "\(values.count * 4)]}}"
    let text = Array(header.utf8) + [UInt8](repeating: 0x20, count: (8 - header.utf8.count % 8) % 8)
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
      + values.littleEndianBytes
  }

  func model(_ index: Int) -> String { folder["models/" + Self.name(index)] }

  /// Returns a batch that packs all models into the folder `out`.
  func converting(_ output: String = "out") -> BatchOperation {
    BatchOperation(
      folder: folder[output], models: [BatchModel(path: folder["models/*"])],
      steps: [BatchStep(Self.convert)])
  }

  static var convert: ConvertOperation {
    ConvertOperation(input: "input", output: OutputSettings(path: "output"))
  }

  static var prune: PruneOperation {
    var prune = PruneOperation(input: "input", output: OutputSettings(path: "output"))
    prune.settings.method = .magnitude
    prune.settings.amount = 0.5
    return prune
  }

  func context(
    _ observer: BatchRecorder = BatchRecorder(), jobs: Int = 2,
    cancellation: Cancellation = Cancellation()
  ) -> OperationContext {
    OperationContext(
      jobs: jobs, memory: MemoryBudget(limit: 2 << 30), temporaryFolder: folder.path,
      cancellation: cancellation, observer: observer)
  }

  /// Runs a batch and returns the state of each model.
  @discardableResult
  func run(
    _ batch: BatchOperation, _ observer: BatchRecorder = BatchRecorder(), jobs: Int = 2
  ) throws -> BatchReport {
    let result = try batch.run(context(observer, jobs: jobs))
    guard let report = result.reports.first as? BatchReport else {
      throw UsageError("the batch returned no report")
    }
    return report
  }

  /// Returns the content of all outputs, without the journal, by their names.
  func outputs(_ output: String = "out") throws -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    for name in try folder.names(in: output) where name != BatchJournal.name {
      contents[name] = try folder.bytes(output + "/" + name)
    }
    return contents
  }

  /// Returns the identities of all outputs, which change when an output is written again.
  func identities(_ output: String = "out") throws -> [String: FileIdentity] {
    var found: [String: FileIdentity] = [:]
    for name in try folder.names(in: output) where name != BatchJournal.name {
      found[name] = try FileIdentity.ifPresent(folder[output + "/" + name])
    }
    return found
  }

  func journal(_ output: String = "out") throws -> [UInt8] {
    try folder.bytes(output + "/" + BatchJournal.name)
  }

  func setJournal(_ bytes: some Sequence<UInt8>, _ output: String = "out") throws {
    try folder.write(Array(bytes), to: output + "/" + BatchJournal.name)
  }
}

extension BatchReport {
  var states: [BatchResult.State] { results.map(\.state) }
}

/// An observer that keeps messages, and may act when a model is complete.
final class BatchRecorder: OperationObserver, Progress {
  private let state = Mutex(
    (warnings: [String](), notes: [String](), failures: [String](), models: 0))
  private let onModel: @Sendable (Int) -> Void

  init(onModel: @escaping @Sendable (Int) -> Void = { _ in }) { self.onModel = onModel }

  var progress: any Progress { self }
  func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {}
  func advance(byteCount: Int) {}
  func finish(tensor: TensorInfo) {}
  func end() {}

  func finish(model: String, result: String) {
    let count = state.withLock { state in
      state.models += 1
      return state.models
    }
    onModel(count)
  }

  func report(_ notice: OperationNotice) {
    state.withLock { state in
      switch notice {
      case .warning(let text): state.warnings.append(text.description)
      case .note(let text): state.notes.append(text.description)
      case .failure(let error): state.failures.append(error.message.description)
      case .decision, .measurement: break
      }
    }
  }

  var warnings: [String] { state.withLock { $0.warnings } }
  var notes: [String] { state.withLock { $0.notes } }
  var failures: [String] { state.withLock { $0.failures } }
  /// The number of models that are complete.
  var models: Int { state.withLock { $0.models } }
}
