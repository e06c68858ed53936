import Synchronization

/// A request to stop. Every worker checks it before its next tile.
package final class Cancellation: Sendable {
  private let status = Atomic<Int32>(0)

  package init() {}

  /// Requests a stop, after which `check` throws an error with this status.
  package func request(_ status: ExitStatus) {
    self.status.store(status.rawValue, ordering: .relaxed)
  }

  /// Throws if a stop was requested.
  package func check() throws(InterruptedError) {
    if let status = ExitStatus(rawValue: status.load(ordering: .relaxed)), status != .done {
      throw InterruptedError(status: status)
    }
  }
}
