import Glibc
import TensorCore

/// Turns SIGINT and SIGTERM into a request to stop; the second one ends the program at once.
enum SignalWatch {
  /// To be called before other threads start, since these inherit which signals are blocked.
  static func begin(_ cancellation: Cancellation) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    let watched = signals
    Worker.detach {
      var signals = watched
      var hasRequest = false
      while true {
        var signal: Int32 = 0
        guard unsafe sigwait(&signals, &signal) == 0 else { return }
        guard !hasRequest else { _exit(128 + signal) }
        hasRequest = true
        cancellation.request(signal == SIGINT ? .interrupted : .terminated)
      }
    }
  }
}
