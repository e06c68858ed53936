import Base
import CLinux
import Glibc
import Synchronization

/// Turns signals that end a program into a cancellation request; a second signal ends the program immediately.
enum SignalWatch {
  /// The signals that ask for a clean end.
  ///
  /// A failing write to a pipe or beyond a limit of the file size sends SIGPIPE or SIGXFSZ to its own thread only. Since
  /// they are blocked, the write fails with an error, which ends the work too.
  private static let signals = [
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTERM, SIGXFSZ,
  ]

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
    var set = sigset_t()
    unsafe sigemptyset(&set)
    // A program that nohup starts ignores SIGHUP and goes on after it.
    for signal in signals where signal != SIGHUP || sumac_ignores(SIGHUP) == 0 {
      unsafe sigaddset(&set, signal)
    }
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    let blocked = set
    let isWatching = Worker.detach {
      var set = blocked
      var hasRequest = false
      while true {
        var signal: Int32 = 0
        guard unsafe sigwait(&set, &signal) == 0 else { return }
        guard !hasRequest else { _exit(128 + signal) }
        hasRequest = true
        let status = ExitStatus(rawValue: 128 + signal) ?? .terminated
        watched.withLock { $0?.request(status) }
      }
    }
    // Without a thread that waits for them, signals have their usual effect.
    if !isWatching { unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil) }
  }
}
