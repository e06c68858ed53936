import Glibc

/// The threads and the memory that pieces of work share while they run side by side.
///
/// Pieces start in the order of their tickets 0, 1, 2, …: a piece that needs much is not overtaken by later ones that
/// need less.
@safe package final class SharedResources: @unchecked Sendable {
  /// A number of threads and of bytes of memory.
  package struct Amount: Sendable, Equatable {
    package var threads: Int
    package var byteCount: Int

    package init(threads: Int, byteCount: Int) {
      self.threads = threads
      self.byteCount = byteCount
    }
  }

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var free: Amount
  private var next = 0
  private var runningCount = 0

  package init(_ all: Amount) {
    free = all
    // SAFETY: both are initialized here once and destroyed in deinit; no other code accesses them.
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe pthread_cond_destroy(condition)
    unsafe mutex.deallocate()
    unsafe condition.deallocate()
  }

  /// Runs `body` with a part of the resources, after all pieces with lower tickets have started.
  ///
  /// - Parameter part: Returns the part for the piece out of what is free, or nil to wait until more is free. If no
  ///   other piece runs, everything is free, and nil starts the piece with all of it.
  package func withPart<Result>(
    ticket: Int, _ part: (_ free: Amount) -> Amount?, _ body: (Amount) throws -> Result
  ) rethrows -> Result {
    let taken = take(ticket, part)
    defer { giveBack(taken) }
    return try body(taken)
  }

  private func take(_ ticket: Int, _ part: (Amount) -> Amount?) -> Amount {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      if next == ticket, let taken = part(free) ?? (runningCount == 0 ? free : nil) {
        free.threads -= taken.threads
        free.byteCount -= taken.byteCount
        runningCount += 1
        next += 1
        unsafe pthread_cond_broadcast(condition)
        return taken
      }
      unsafe pthread_cond_wait(condition, mutex)
    }
  }

  private func giveBack(_ taken: Amount) {
    unsafe pthread_mutex_lock(mutex)
    free.threads += taken.threads
    free.byteCount += taken.byteCount
    runningCount -= 1
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }
}
