import Synchronization

/// The memory of the values of a network: it counts the bytes in use and their peak.
///
/// A counting arena hands out no memory. Operations that run on it compute nothing, so that the same functions return
/// the peak of a run before it.
package final class Arena: Sendable {
  private struct Count {
    var current = 0
    var peak = 0
  }

  /// True if values have no memory.
  package let isCounting: Bool
  private let count = Mutex(Count())

  package init(isCounting: Bool = false) { self.isCounting = isCounting }

  /// The number of bytes in use.
  package var byteCount: Int { count.withLock { $0.current } }
  /// The largest number of bytes that were in use at the same time.
  package var peakByteCount: Int { count.withLock { $0.peak } }

  func add(_ byteCount: Int) {
    count.withLock {
      $0.current += byteCount
      $0.peak = max($0.peak, $0.current)
    }
  }

  func remove(_ byteCount: Int) { count.withLock { $0.current -= byteCount } }
}
