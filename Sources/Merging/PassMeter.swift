import Checkpoints
import Synchronization

/// Reports the progress of a search that may need fewer or more passes than were announced.
///
/// The reported bytes add up to the announced number: passes beyond it are not counted, and `finish()` counts
/// what was not needed.
final class PassMeter: Sendable {
  private let progress: any Progress
  private let rest: Mutex<Int>

  /// - Parameter byteCount: The number of bytes that were announced.
  init(byteCount: Int, progress: any Progress) {
    self.progress = progress
    rest = Mutex(byteCount)
  }

  func advance(byteCount: Int) {
    let counted = rest.withLock { rest in
      let counted = min(rest, byteCount)
      rest -= counted
      return counted
    }
    if counted > 0 { progress.advance(byteCount: counted) }
  }

  func finish() { advance(byteCount: .max) }
}
