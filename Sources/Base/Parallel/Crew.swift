import Synchronization

/// Workers that stay alive between calls and run numbered pieces of work.
///
/// With two workers on a machine with two cores, a call costs 0.2 µs if its pieces take no time, and 2 µs if both threads
/// have a piece. If a worker sleeps, because no call came for about 100 µs, waking it takes the system 5 to 40 µs.
/// `Parallel` starts threads on each call, and gives each of them memory.
///
/// The workers serve one call at a time. A call that starts while another one runs, inside one of its pieces or on another
/// thread, runs its own pieces in order on the calling thread.
@safe package final class Crew: Sendable {
  /// The number of threads that run pieces, the calling thread included; at least 1.
  package let jobs: Int
  package let cancellation: Cancellation
  private let post: CrewPost
  // SAFETY: only `init` and `deinit` use the workers.
  nonisolated(unsafe) private let workers: [Worker]

  /// Starts `jobs` - 1 workers, or fewer if the system cannot create as many threads.
  package init(jobs: Int, cancellation: Cancellation) {
    self.jobs = max(1, jobs)
    self.cancellation = cancellation
    // Waiting workers must not take the processor from one that works.
    let post = CrewPost(isSpinning: jobs <= ProcessorCount.current().usable)
    self.post = post
    unsafe workers = (1..<max(1, jobs)).compactMap { _ in Worker { post.serve() } }
  }

  deinit {
    post.end()
    for worker in unsafe workers { worker.join() }
  }

  /// Calls `body` for each index in 0 ..< `count`. The pieces are started in ascending order, and the calling thread
  /// runs some of them.
  ///
  /// - Throws: The error of the failed piece with the lowest index. It does not depend on timing, because all pieces
  ///   with lower indexes were started before it and run to completion. ``InterruptedError`` if a stop is requested.
  package func forEach(count: Int, _ body: @Sendable (Int) throws -> Void) throws {
    let helperCount = min(count, jobs) - 1
    if helperCount > 0 {
      let next = Atomic<Int>(0)
      let failure = Mutex<(index: Int, error: any Error)?>(nil)
      let isDone = post.run(helperCount: helperCount) {
        while true {
          let index = next.add(1, ordering: .relaxed).oldValue
          guard index < count else { return }
          do {
            try cancellation.check()
            try body(index)
          } catch {
            next.store(count, ordering: .relaxed)
            failure.withLock { first in
              if first.map({ index < $0.index }) ?? true { first = (index, error) }
            }
            return
          }
        }
      }
      if let failure = failure.withLock({ $0 }) { throw failure.error }
      if isDone { return }
    }
    for index in 0..<max(0, count) {
      try cancellation.check()
      try body(index)
    }
  }
}
