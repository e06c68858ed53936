import Base
import Crypto
import PackedFormat
import Synchronization

/// A measurement of the sizes of two forms of a tensor, and of the hash of its values.
final class Measure: Sendable {
  private let sizes = Mutex((dense: 0, sparse: 0))
  private let values = Mutex(SHA256())

  func add(dense: Int, sparse: Int) {
    sizes.withLock {
      $0.dense += dense
      $0.sparse += sparse
    }
  }

  var sparseIsSmaller: Bool { sizes.withLock { $0.sparse < $0.dense } }

  func hash(_ bytes: borrowing RawSpan) { values.withLock { $0.update(bytes) } }

  var contentID: [UInt8] { Array(values.withLock { $0 }.finalize()) }
}
