import Base
import TensorCore

/// Weights that are NaN or infinite.
struct NonfiniteTally: Sendable {
  private(set) var count = 0
  private(set) var first: Int?
  private(set) var isNaN = false

  /// Looks through values of which the first has flat index `start`.
  mutating func add(_ values: borrowing RawSpan, start: Int) {
    guard let place = Kernels.best.firstNotFinite(values) else { return }
    for index in place..<values.byteCount / 4 {
      let value = Float(bitPattern: values.littleEndian(UInt32.self, at: 4 * index)!)
      guard !value.isFinite else { continue }
      count += 1
      if first == nil || start + index < first! { (first, isNaN) = (start + index, value.isNaN) }
    }
  }

  mutating func merge(_ other: NonfiniteTally) {
    count += other.count
    guard let theirs = other.first, first == nil || theirs < first! else { return }
    (first, isNaN) = (theirs, other.isNaN)
  }
}
