import Synchronization

/// Memory that readers will use when values are read, which no plan of an operation knows, such as the window of a
/// compressed archive.
///
/// Plans add all reservations to the memory in use.
package final class MemoryReservation: Sendable {
  private static let total = Mutex(0)

  private let count = Mutex(0)

  package init() {}

  deinit {
    let own = count.withLock { $0 }
    Self.total.withLock { $0 -= own }
  }

  /// The number of bytes of this reservation.
  package var byteCount: Int {
    get { count.withLock { $0 } }
    set {
      let change = count.withLock { count in
        defer { count = newValue }
        return newValue - count
      }
      Self.total.withLock { $0 += change }
    }
  }

  /// The number of bytes of all reservations.
  package static var totalByteCount: Int { total.withLock { $0 } }
}
