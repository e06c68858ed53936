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

/// Progress as a line of text: phase, share, bytes, rate and the time left.
///
/// The line is redrawn up to ten times a second, or printed anew up to once a second.
final class ProgressLine: Progress {
  private let redraws: Bool
  private let state = Mutex(ProgressState())

  init(redraws: Bool) { self.redraws = redraws }

  func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {
    state.withLock { $0 = ProgressState(phase: phase, total: byteCount) }
  }

  func advance(byteCount: Int) {
    let line: String? = state.withLock { state in
      state.done += byteCount
      let now = ContinuousClock.now
      guard now - state.last > .milliseconds(redraws ? 100 : 1000) else { return nil }
      state.last = now
      return state.text(after: (now - state.start) / .seconds(1))
    }
    guard let line else { return }
    if redraws { Terminal.show("\r\u{1B}[K\(line)") } else { Terminal.say(line) }
  }

  func finish(tensor: TensorInfo) {}

  func end() { if redraws { Terminal.show("\r\u{1B}[K") } }
}

/// The state of a phase.
struct ProgressState {
  var phase = ProgressPhase.write
  var total = 0
  var done = 0
  var start = ContinuousClock.now
  var last = ContinuousClock.now

  init() {}

  init(phase: ProgressPhase, total: Int) {
    self.phase = phase
    self.total = total
  }

  /// Returns the line that is shown after that many seconds of the phase.
  func text(after seconds: Double) -> String {
    let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
    let rate = Double(done) / max(seconds, 0.001)
    let left = rate > 0 ? Double(max(0, total - done)) / rate : 0
    return "\(phase.title)  \((100 * share).fixed(decimals: 0)) %  \(ByteSize(done)) of "
      + "\(ByteSize(total))  \(ByteSize(Int(exactly: rate.rounded()) ?? 0))/s  \(Self.time(left)) left"
  }

  /// Returns a time as `42 s`, `3:07` or `1:02:30`.
  private static func time(_ seconds: Double) -> String {
    guard let seconds = Int(exactly: seconds.rounded(.up)) else { return "?" }
    guard seconds >= 60 else { return "\(seconds) s" }
    func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
    return hours > 0
      ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
  }
}

extension ProgressPhase {
  /// The work of the phase, as a progress line names it.
  fileprivate var title: String {
    switch self {
    case .identify: "identifying inputs"
    case .survey: "surveying"
    case .choose: "trying types"
    case .measure: "measuring"
    case .verify: "verifying"
    case .write: "writing"
    case .evaluate: "evaluating"
    case .train: "training"
    case .batch: "batch"
    }
  }
}

/// Progress as JSON lines, one object for each completed tensor; counts begin anew with each phase.
final class ProgressRecords: Progress {
  private let done = Mutex((tensors: 0, models: 0, byteCount: 0))

  func begin(_ phase: ProgressPhase, tensors: Int, byteCount: Int) {
    done.withLock { $0 = (0, 0, 0) }
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

  func finish(model: String, result: String) {
    done.withLock { done in
      done.models += 1
      say([
        "event": "model", "name": .string(model), "result": .string(result),
        "models_done": JSONValue(done.models), "bytes_done": JSONValue(done.byteCount),
      ])
    }
  }

  func end() { say(["event": "end"]) }

  private func say(_ object: JSONObject) { Terminal.say(JSONValue.object(object).serialized()) }
}
