import Base
import Glibc
import Synchronization

/// Turns SIGINT and SIGTERM into a request to stop; the second one ends the program at once.
enum SignalWatch {
  /// What a signal stops; nil before anything is watched.
  private static let watched = Mutex<Cancellation?>(nil)

  /// From now on `cancellation` is what a signal stops.
  ///
  /// To be called before other threads start, since these inherit which signals are blocked.
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
