import Base
import Synchronization
import Testing

@Suite struct CrewTests {
  struct Failure: Error, Equatable { var index: Int }

  private static func counts(_ crew: Crew, _ count: Int) throws -> [Int] {
    let counts = Mutex([Int](repeating: 0, count: count))
    try crew.forEach(count: count) { index in counts.withLock { $0[index] += 1 } }
    return counts.withLock { $0 }
  }

  @Test("every piece runs once, call after call", arguments: [1, 2, 3, 40])
  func once(jobs: Int) throws {
    let crew = Crew(jobs: jobs, cancellation: Cancellation())
    for count in [0, 1, 2, 3, 100, 1, 7] {
      #expect(try Self.counts(crew, count) == [Int](repeating: 1, count: count))
    }
  }

  @Test("thousands of small calls lose no piece", arguments: [2, 5])
  func many(jobs: Int) throws {
    let crew = Crew(jobs: jobs, cancellation: Cancellation())
    let sum = Atomic<Int>(0)
    for call in 0..<20_000 {
      try crew.forEach(count: 2 + call % 5) { sum.add($0 + 1, ordering: .relaxed) }
    }
    // The sums of 1 ... n for n from 2 to 6, 4,000 times each.
    #expect(sum.load(ordering: .relaxed) == 4_000 * (3 + 6 + 10 + 15 + 21))
  }

  @Test("the error of the lowest piece is thrown, whatever the timing", arguments: [1, 2, 4])
  func lowestError(jobs: Int) throws {
    let crew = Crew(jobs: jobs, cancellation: Cancellation())
    for _ in 0..<50 {
      #expect(throws: Failure(index: 30)) {
        try crew.forEach(count: 100) { index in
          if index >= 30 { throw Failure(index: index) }
        }
      }
      #expect(try Self.counts(crew, 9) == [Int](repeating: 1, count: 9))
    }
  }

  @Test("a call inside a piece runs on the thread of the piece", arguments: [1, 2, 4])
  func nested(jobs: Int) throws {
    let crew = Crew(jobs: jobs, cancellation: Cancellation())
    let order = Mutex([[Int]](repeating: [], count: 20))
    try crew.forEach(count: 20) { outer in
      try crew.forEach(count: 5) { inner in order.withLock { $0[outer].append(inner) } }
    }
    #expect(order.withLock { $0 } == [[Int]](repeating: [0, 1, 2, 3, 4], count: 20))
  }

  @Test("calls from several threads at once run all their pieces")
  func concurrent() throws {
    let crew = Crew(jobs: 3, cancellation: Cancellation())
    let sum = Atomic<Int>(0)
    try Parallel(jobs: 4, cancellation: Cancellation()).forEach(
      count: 200, workspaceByteCount: 0
    ) { _, _ in
      try crew.forEach(count: 10) { sum.add($0, ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 200 * 45)
  }

  @Test("a request to stop is seen before the next piece")
  func cancelled() {
    let cancellation = Cancellation()
    let crew = Crew(jobs: 1, cancellation: cancellation)
    let done = Mutex(0)
    #expect(throws: InterruptedError(status: .interrupted)) {
      try crew.forEach(count: 10) { index in
        done.withLock { $0 += 1 }
        if index == 3 { cancellation.request(.interrupted) }
      }
    }
    #expect(done.withLock { $0 } == 4)
  }

  @Test("workers share the pieces of a long call, also after they have slept")
  func shared() throws {
    let crew = Crew(jobs: 2, cancellation: Cancellation())
    for _ in 0..<3 {
      // Each piece waits until the other one has started, which takes two threads.
      let started = Atomic<Int>(0)
      let limit = ContinuousClock.now + .seconds(60)
      try crew.forEach(count: 2) { index in
        started.add(1, ordering: .sequentiallyConsistent)
        while started.load(ordering: .sequentiallyConsistent) < 2 {
          if ContinuousClock.now > limit { throw Failure(index: index) }
        }
      }
      let end = ContinuousClock.now + .milliseconds(5)
      while ContinuousClock.now < end {}
    }
  }
}
