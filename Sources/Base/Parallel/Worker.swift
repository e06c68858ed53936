import Glibc

/// A thread of the operating system, which may block in reads and writes.
@safe package final class Worker {
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  private var thread = pthread_t()

  /// Starts `body` on a new thread, or returns nil if the system cannot create one.
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

  /// Waits until the thread has ended.
  package func join() { _ = pthread_join(thread, nil) }

  /// Starts `body` on a thread that is never joined. Returns false if the system cannot create one.
  @discardableResult
  package static func detach(_ body: @escaping @Sendable () -> Void) -> Bool {
    guard let worker = Worker(body) else { return false }
    pthread_detach(worker.thread)
    return true
  }
}
