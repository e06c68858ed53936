import Base
import TensorCore

/// How many values are NaN or infinite, and the first of them.
package struct NonfiniteTally: Sendable, Equatable {
  package private(set) var count = 0
  package private(set) var first: Int?
  /// Whether the first is NaN.
  package private(set) var isNaN = false

  package init() {}

  /// Looks through F32 values of which the first has flat index `start`.
  package mutating func add(_ values: borrowing RawSpan, start: Int) {
    guard let place = Kernels.best.firstNotFinite(values) else { return }
    for index in place..<values.byteCount / 4 {
      let value = Float(bitPattern: values.littleEndian(UInt32.self, at: 4 * index)!)
      guard !value.isFinite else { continue }
      count += 1
      if first == nil || start + index < first! { (first, isNaN) = (start + index, value.isNaN) }
    }
  }

  package mutating func merge(_ other: NonfiniteTally) {
    count += other.count
    guard let theirs = other.first, first == nil || theirs < first! else { return }
    (first, isNaN) = (theirs, other.isNaN)
  }
}
