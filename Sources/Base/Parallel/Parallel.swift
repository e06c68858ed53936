import Synchronization

/// Runs numbered pieces of work on several threads. The pieces are started in ascending order.
package struct Parallel: Sendable {
  package var jobs: Int
  package var cancellation: Cancellation

  package init(jobs: Int, cancellation: Cancellation) {
    self.jobs = max(1, jobs)
    self.cancellation = cancellation
  }

  /// Calls `body` for each index in 0 ..< `count`. Each worker has a workspace of `workspaceByteCount` bytes that it
  /// reuses for all its pieces.
  ///
  /// - Parameter onFailure: Called as soon as a piece fails, so that threads that wait for that worker can be woken.
  /// - Throws: The error of the failed piece with the lowest index. It does not depend on timing, because all pieces
  ///   with lower indexes were started before it and run to completion.
  package func forEach(
    count: Int, workspaceByteCount: Int,
    onFailure: @Sendable () -> Void = {},
    _ body: @Sendable (Int, inout MutableRawSpan) throws -> Void
  ) throws {
    let next = Atomic<Int>(0)
    let failure = Mutex<(index: Int, error: any Error)?>(nil)

    func work() {
      var workspace = ByteBuffer(byteCount: workspaceByteCount)
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        do {
          try cancellation.check()
          var span = workspace.mutableBytes
          try body(index, &span)
        } catch {
          next.store(count, ordering: .relaxed)
          if !(error is Turnstile.Broken) {
            failure.withLock { first in
              if first.map({ index < $0.index }) ?? true { first = (index, error) }
            }
          }
          onFailure()
          return
        }
      }
    }

    withoutActuallyEscaping(work) { work in
      // SAFETY of the capture: every worker is joined before this scope ends.
      nonisolated(unsafe) let work = work
      let others = (1..<max(1, min(jobs, count))).compactMap { _ in Worker { unsafe work() } }
      unsafe work()
      for worker in others { worker.join() }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
  }
}
