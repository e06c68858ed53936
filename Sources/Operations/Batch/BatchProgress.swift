import Base
import Checkpoints
import Synchronization
import TensorCore

/// The progress of all models of a batch together, in bytes of values.
///
/// The work on a model counts once its values are written or compared; a phase that only prepares does not count.
final class BatchProgress: Sendable {
  private let base: any Progress

  init(_ base: any Progress, models: Int, byteCount: Int) {
    self.base = base
    base.begin(.batch, tensors: models, byteCount: byteCount)
  }

  func end() { base.end() }

  /// The progress of one model, to which `byteCount` bytes belong.
  final class Model: Progress {
    private let batch: BatchProgress
    private let state: Mutex<State>

    private struct State {
      var remaining: Int
      var isCounting = false
    }

    fileprivate init(_ batch: BatchProgress, byteCount: Int) {
      self.batch = batch
      state = Mutex(State(remaining: byteCount))
    }

    func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {
      state.withLock { $0.isCounting = [.write, .verify, .measure].contains(phase) }
    }

    func advance(byteCount: Int) {
      let counted = state.withLock { state -> Int in
        guard state.isCounting else { return 0 }
        let counted = min(byteCount, state.remaining)
        state.remaining -= counted
        return counted
      }
      if counted > 0 { batch.base.advance(byteCount: counted) }
    }

    func finish(tensor: TensorInfo) {}
    func end() {}

    /// Counts the rest of the model, and reports that it is complete.
    func finish(name: String, result: String) {
      let rest = state.withLock { state -> Int in
        defer { state.remaining = 0 }
        return state.remaining
      }
      if rest > 0 { batch.base.advance(byteCount: rest) }
      batch.base.finish(model: name, result: result)
    }
  }

  func model(byteCount: Int) -> Model { Model(self, byteCount: byteCount) }
}

/// An observer of the work on one model, which names the model in front of each message.
struct BatchObserver: OperationObserver {
  let base: any OperationObserver
  let name: String
  let progress: any Progress

  func report(_ notice: OperationNotice) {
    let start = Message(name.printable + ": ")
    switch notice {
    case .warning(let text): base.report(.warning(start + text))
    // The summary states the results; the notes of single models are for those who ask for details.
    case .note(let text): base.report(.measurement((start + text).text(.commandLine)))
    case .decision(let tensor, let from, let to):
      base.report(.decision(tensor: "\(name): \(tensor)", from: from, to: to))
    case .failure(let error): base.report(.failure(BatchError(name: name, error)))
    case .measurement(let text): base.report(.measurement("\(name.printable): \(text)"))
    }
  }
}

/// An error in the work on one model of a batch.
struct BatchError: UserError {
  let name: String
  let error: any UserError

  init(name: String, _ error: any UserError) {
    self.name = name
    self.error = error
  }

  var status: ExitStatus { error.status }
  var facts: ErrorFacts { error.facts }
  var hint: Message? { error.hint }
  var message: Message {
    let isNamed = error.message.description.hasPrefix(name.printable)
    return isNamed ? error.message : Message(name.printable + ": ") + error.message
  }
}
