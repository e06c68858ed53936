import Glibc

/// A gate that lets workers pass one at a time, in the order of their tickets 0, 1, 2, …
///
/// It assigns file offsets to encoded chunks in a fixed order, however long each chunk takes to encode.
@safe package final class Turnstile: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var next = 0
  private var isBroken = false

  package init() {
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

  /// Runs `body` after all lower tickets have passed. Throws `Broken` if `abandon` is called first.
  package func pass<Result>(_ ticket: Int, _ body: () throws -> Result) throws -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while next != ticket, !isBroken { unsafe pthread_cond_wait(condition, mutex) }
    guard !isBroken else { throw Broken() }
    let result = try body()
    next += 1
    unsafe pthread_cond_broadcast(condition)
    return result
  }

  /// Wakes all waiting workers, because a worker will never take its turn.
  package func abandon() {
    unsafe pthread_mutex_lock(mutex)
    isBroken = true
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Another worker failed; report its error instead of this one.
  package struct Broken: Error {}
}
