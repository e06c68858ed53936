import Glibc

/// A thread of the operating system: it may block in reads and writes as long as it likes.
@safe package final class Worker {
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  private var thread = pthread_t()

  /// Starts `body`, or returns nil if the system has no thread to give.
  package init?(_ body: @escaping @Sendable () -> Void) {
    let work = unsafe Unmanaged.passRetained(Work(body))
    // SAFETY: the thread takes over the one reference that passRetained made.
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        unsafe Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
        return nil
      }, work.toOpaque())
    if result != 0 {
      unsafe work.release()
      return nil
    }
  }

  package func join() { _ = pthread_join(thread, nil) }

  /// Starts `body` on a thread that nobody waits for; returns whether there was one to give.
  @discardableResult
  package static func detach(_ body: @escaping @Sendable () -> Void) -> Bool {
    guard let worker = Worker(body) else { return false }
    pthread_detach(worker.thread)
    return true
  }
}
