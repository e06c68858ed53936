import CLinux
import Glibc
import Synchronization

/// The place where the workers of a crew wait for the next job, and where the leader of a job waits for its end.
///
/// A job is open while its leader works. Workers join an open job; one that wakes after it was closed does not, so the
/// leader never waits for a thread that the system has not scheduled yet.
@safe final class CrewPost: @unchecked Sendable {
  // SAFETY: `work` is written while no job is open and read by workers that have joined one. The state orders both.
  private var work: UnsafePointer<() -> Void>?
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  /// Signalled when a job opens.
  private let opened: UnsafeMutablePointer<pthread_cond_t>
  /// Signalled when the last worker has left a closed job.
  private let left: UnsafeMutablePointer<pthread_cond_t>

  /// The number of the job, bits 17 and up; whether it is open, bit 16; how many workers have joined it, bits 0 to 15.
  private let state = Atomic<UInt>(0)
  private let isLed = Atomic<Bool>(false)
  private let isEnded = Atomic<Bool>(false)
  private let sleeperCount = Atomic<Int>(0)
  private let leaderSleeps = Atomic<Bool>(false)
  /// The number of checks for a change before a thread sleeps: about 100 µs, because waking a thread needs 5 to 40 µs.
  private let spinCount: Int

  private static let openBit: UInt = 1 << 16
  private static let joinedMask: UInt = openBit - 1
  private static let numberStep: UInt = 1 << 17

  init(isSpinning: Bool) {
    spinCount = isSpinning ? 4_000 : 0
    // SAFETY: the three are initialized here once and destroyed in deinit; no other code accesses them.
    unsafe mutex = .allocate(capacity: 1)
    unsafe opened = .allocate(capacity: 1)
    unsafe left = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(opened, nil)
    unsafe pthread_cond_init(left, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe pthread_cond_destroy(opened)
    unsafe pthread_cond_destroy(left)
    unsafe mutex.deallocate()
    unsafe opened.deallocate()
    unsafe left.deallocate()
  }

  // MARK: The leader

  /// Calls `body` on this thread, and at the same time on workers that are free. Returns after all calls have ended, or
  /// returns false at once if another job is running.
  ///
  /// - Parameter helperCount: The number of workers to wake. Others may join as well.
  func run(helperCount: Int, _ body: @Sendable () -> Void) -> Bool {
    guard isLed.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    else { return false }
    withoutActuallyEscaping(body) { body in
      let plain: () -> Void = body
      unsafe withUnsafePointer(to: plain) { pointer in
        unsafe work = pointer
        let number = state.load(ordering: .relaxed) & ~(Self.joinedMask | Self.openBit)
        state.store(
          (number &+ Self.numberStep) | Self.openBit, ordering: .sequentiallyConsistent)
        wake(helperCount)
        body()
        // SAFETY: no worker joins after this, and all that have joined leave before the closure goes out of scope.
        state.bitwiseAnd(~Self.openBit, ordering: .sequentiallyConsistent)
        waitForWorkers()
        unsafe work = nil
      }
    }
    isLed.store(false, ordering: .releasing)
    return true
  }

  private func wake(_ helperCount: Int) {
    let sleepers = sleeperCount.load(ordering: .sequentiallyConsistent)
    guard sleepers > 0 else { return }
    unsafe pthread_mutex_lock(mutex)
    if sleepers <= helperCount {
      unsafe pthread_cond_broadcast(opened)
    } else {
      for _ in 0..<helperCount { unsafe pthread_cond_signal(opened) }
    }
    unsafe pthread_mutex_unlock(mutex)
  }

  private var isDeserted: Bool {
    state.load(ordering: .sequentiallyConsistent) & Self.joinedMask == 0
  }

  private func waitForWorkers() {
    for _ in 0...spinCount {
      if isDeserted { return }
      sumac_pause()
    }
    unsafe pthread_mutex_lock(mutex)
    leaderSleeps.store(true, ordering: .sequentiallyConsistent)
    while !isDeserted { unsafe pthread_cond_wait(left, mutex) }
    leaderSleeps.store(false, ordering: .relaxed)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Lets all workers return from `serve`.
  func end() {
    isEnded.store(true, ordering: .sequentiallyConsistent)
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(opened)
    unsafe pthread_mutex_unlock(mutex)
  }

  // MARK: The workers

  /// Joins one job after another until `end` is called.
  func serve() {
    var number: UInt = 0
    while let next = joined(after: number) {
      number = next
      // SAFETY: the leader keeps the closure until this worker has left.
      unsafe Self.perform(work!)
      leave()
    }
  }

  /// Calls the closure. All references to it that the call makes are gone when this function returns.
  @inline(never)
  private static func perform(_ work: UnsafePointer<() -> Void>) { unsafe work.pointee() }

  /// Waits for an open job other than `number`, joins it and returns its number; nil after the end.
  private func joined(after number: UInt) -> UInt? {
    for _ in 0...spinCount {
      if let next = join(after: number) { return next }
      if isEnded.load(ordering: .relaxed) { return nil }
      sumac_pause()
    }
    unsafe pthread_mutex_lock(mutex)
    sleeperCount.add(1, ordering: .sequentiallyConsistent)
    defer {
      sleeperCount.subtract(1, ordering: .relaxed)
      unsafe pthread_mutex_unlock(mutex)
    }
    while true {
      if let next = join(after: number) { return next }
      if isEnded.load(ordering: .sequentiallyConsistent) { return nil }
      unsafe pthread_cond_wait(opened, mutex)
    }
  }

  private func join(after number: UInt) -> UInt? {
    var seen = state.load(ordering: .sequentiallyConsistent)
    while seen & Self.openBit != 0, seen / Self.numberStep != number {
      let (exchanged, current) = state.weakCompareExchange(
        expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing)
      if exchanged { return seen / Self.numberStep }
      seen = current
    }
    return nil
  }

  private func leave() {
    let seen = state.subtract(1, ordering: .sequentiallyConsistent).newValue
    if seen & (Self.openBit | Self.joinedMask) == 0,
      leaderSleeps.load(ordering: .sequentiallyConsistent)
    {
      unsafe pthread_mutex_lock(mutex)
      unsafe pthread_cond_signal(left)
      unsafe pthread_mutex_unlock(mutex)
    }
  }
}
