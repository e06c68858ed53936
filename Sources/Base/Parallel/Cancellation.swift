import Synchronization

/// A request to stop, seen by every worker before its next tile.
package final class Cancellation: Sendable {
  private let status = Atomic<Int32>(0)

  package init() {}

  package func request(_ status: ExitStatus) {
    self.status.store(status.rawValue, ordering: .relaxed)
  }

  package func check() throws(InterruptedError) {
    if let status = ExitStatus(rawValue: status.load(ordering: .relaxed)), status != .done {
      throw InterruptedError(status: status)
    }
  }
}
