import Base
import Glibc
import Synchronization

/// Turns SIGINT and SIGTERM into a cancellation request; a second signal ends the program immediately.
enum SignalWatch {
  /// The cancellation that a signal requests, or nil before `begin`.
  private static let watched = Mutex<Cancellation?>(nil)

  /// Makes signals request `cancellation` from now on.
  ///
  /// Call this before other threads start, since they inherit the mask of blocked signals.
  static func begin(_ cancellation: Cancellation) {
    let isFirst = watched.withLock { watched in
      defer { watched = cancellation }
      return watched == nil
    }
    guard isFirst else { return }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    let blocked = signals
    Worker.detach {
      var signals = blocked
      var hasRequest = false
      while true {
        var signal: Int32 = 0
        guard unsafe sigwait(&signals, &signal) == 0 else { return }
        guard !hasRequest else { _exit(128 + signal) }
        hasRequest = true
        let status: ExitStatus = signal == SIGINT ? .interrupted : .terminated
        watched.withLock { $0?.request(status) }
      }
    }
  }
}
