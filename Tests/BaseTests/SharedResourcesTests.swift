import Base
import Synchronization
import Testing

@Suite struct SharedResourcesTests {
  @Test("the parts that are in use never exceed the whole, and all pieces run")
  func sum() throws {
    let resources = SharedResources(.init(threads: 4, byteCount: 100))
    let inUse = Mutex((threads: 0, byteCount: 0, most: 0, count: 0))
    try Parallel(jobs: 8, cancellation: Cancellation()).forEach(count: 200, workspaceByteCount: 0) {
      ticket, _ in
      let wanted = SharedResources.Amount(
        threads: 1 + ticket % 3, byteCount: 10 + 13 * (ticket % 6))
      resources.withPart(ticket: ticket) { free in
        free.threads >= wanted.threads && free.byteCount >= wanted.byteCount ? wanted : nil
      } _: { part in
        inUse.withLock { state in
          state.threads += part.threads
          state.byteCount += part.byteCount
          state.most = max(state.most, state.threads)
          #expect(state.threads <= 4 && state.byteCount <= 100)
        }
        inUse.withLock { state in
          state.threads -= part.threads
          state.byteCount -= part.byteCount
          state.count += 1
        }
      }
    }
    #expect(inUse.withLock { $0.count } == 200)
  }

  @Test("a piece that needs more than there is runs alone, with everything")
  func tooMuch() {
    let resources = SharedResources(.init(threads: 2, byteCount: 10))
    let part = resources.withPart(ticket: 0) { _ in
      nil
    } _: {
      $0
    }
    #expect(part == .init(threads: 2, byteCount: 10))
  }

  @Test("pieces start in the order of their tickets")
  func order() throws {
    let resources = SharedResources(.init(threads: 1, byteCount: 1))
    let started = Mutex([Int]())
    try Parallel(jobs: 4, cancellation: Cancellation()).forEach(count: 50, workspaceByteCount: 0) {
      ticket, _ in
      resources.withPart(ticket: ticket) {
        $0.threads > 0 ? $0 : nil
      } _: { _ in
        started.withLock { $0.append(ticket) }
      }
    }
    #expect(started.withLock { $0 } == Array(0..<50))
  }
}
