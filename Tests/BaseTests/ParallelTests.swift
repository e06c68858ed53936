import Base
import Synchronization
import Testing

@Suite struct ParallelTests {
  struct Failure: Error, Equatable { var index: Int }

  @Test("every piece runs once", arguments: [1, 2, 7, 40])
  func once(jobs: Int) throws {
    let counts = Mutex([Int](repeating: 0, count: 100))
    try Parallel(jobs: jobs, cancellation: Cancellation()).forEach(
      count: 100, workspaceByteCount: 8
    ) { index, _ in counts.withLock { $0[index] += 1 } }
    #expect(counts.withLock { $0 } == [Int](repeating: 1, count: 100))
  }

  @Test("the error of the lowest piece is thrown, whatever the timing", arguments: 0..<20)
  func lowestError(round: Int) {
    #expect(throws: Failure(index: 30)) {
      try Parallel(jobs: 4, cancellation: Cancellation()).forEach(
        count: 100, workspaceByteCount: 0
      ) { index, _ in if index >= 30 { throw Failure(index: index) } }
    }
  }

  @Test("a turnstile lets pieces through in order", arguments: [1, 2, 7])
  func order(jobs: Int) throws {
    let passed = Mutex<[Int]>([])
    let turnstile = Turnstile()
    try Parallel(jobs: jobs, cancellation: Cancellation()).forEach(
      count: 200, workspaceByteCount: 0, onFailure: turnstile.abandon
    ) { index, _ in try turnstile.pass(index) { passed.withLock { $0.append(index) } } }
    #expect(passed.withLock { $0 } == Array(0..<200))
  }

  @Test("workers that wait at a turnstile stop when a piece fails", arguments: 0..<20)
  func abandoned(round: Int) {
    let turnstile = Turnstile()
    #expect(throws: Failure(index: 10)) {
      try Parallel(jobs: 5, cancellation: Cancellation()).forEach(
        count: 200, workspaceByteCount: 0, onFailure: turnstile.abandon
      ) { index, _ in
        if index == 10 { throw Failure(index: index) }
        try turnstile.pass(index) {}
      }
    }
  }

  @Test("a request to stop is seen before the next piece")
  func cancelled() {
    let cancellation = Cancellation()
    let done = Mutex(0)
    #expect(throws: InterruptedError(status: .interrupted)) {
      try Parallel(jobs: 1, cancellation: cancellation).forEach(count: 10, workspaceByteCount: 0) {
        index, _ in
        done.withLock { $0 += 1 }
        if index == 3 { cancellation.request(.interrupted) }
      }
    }
    #expect(done.withLock { $0 } == 4)
  }
}
