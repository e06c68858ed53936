import Base
import Checkpoints
import Synchronization
import TensorCore

extension GlobalOptions {
  func makeProgress() -> any Progress {
    guard !quiet else { return NoProgress() }
    return switch progress {
    case .auto: Terminal.isInteractive ? ProgressLine(redraws: true) : NoProgress()
    case .plain: ProgressLine(redraws: false)
    case .jsonl: ProgressRecords()
    case .none: NoProgress()
    }
  }
}

/// Progress as a line of text with the byte count.
///
/// The line is redrawn up to ten times a second, or printed anew up to once a second.
final class ProgressLine: Progress {
  private struct State {
    var total = 0
    var done = 0
    var start = ContinuousClock.now
    var last = ContinuousClock.now
  }

  private let redraws: Bool
  private let state = Mutex(State())

  init(redraws: Bool) { self.redraws = redraws }

  func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {
    state.withLock { $0 = State(total: byteCount) }
  }

  func advance(byteCount: Int) {
    let line: String? = state.withLock { state in
      state.done += byteCount
      let now = ContinuousClock.now
      guard now - state.last > .milliseconds(redraws ? 100 : 1000) else { return nil }
      state.last = now
      let seconds = (now - state.start) / .seconds(1)
      let share = state.total > 0 ? Double(state.done) / Double(state.total) * 100 : 100
      let rate = ByteSize(Int(exactly: (Double(state.done) / max(seconds, 0.001)).rounded()) ?? 0)
      return "\(share.fixed(decimals: 0)) %  \(ByteSize(state.done)) of \(ByteSize(state.total))  "
        + "\(rate)/s"
    }
    guard let line else { return }
    if redraws { Terminal.show("\r\u{1B}[K\(line)") } else { Terminal.say(line) }
  }

  func finish(tensor: TensorInfo) {}

  func end() { if redraws { Terminal.show("\r\u{1B}[K") } }
}

/// Progress as JSON lines, one object for each completed tensor.
final class ProgressRecords: Progress {
  private let done = Mutex((tensors: 0, byteCount: 0))

  func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {
    say([
      "event": "begin", "phase": .string(phase.rawValue), "tensors": JSONValue(tensors),
      "bytes": JSONValue(byteCount),
    ])
  }

  func advance(byteCount: Int) { done.withLock { $0.byteCount += byteCount } }

  func finish(tensor: TensorInfo) {
    // Printed while the lock is held, so that counts never decrease from line to line.
    done.withLock { done in
      done.tensors += 1
      say([
        "event": "tensor", "name": .string(tensor.name), "tensors_done": JSONValue(done.tensors),
        "bytes_done": JSONValue(done.byteCount),
      ])
    }
  }

  func end() { say(["event": "end"]) }

  private func say(_ object: JSONObject) { Terminal.say(JSONValue.object(object).serialized()) }
}
