import Base
import TensorCore

/// The number of values that are NaN or infinite, and the first of them.
package struct NonfiniteTally: Sendable, Equatable {
  package private(set) var count = 0
  package private(set) var first: Int?
  /// True if the first is NaN.
  package private(set) var isNaN = false

  package init() {}

  /// Counts the values of a range of F32 values that starts at flat index `start`.
  package mutating func add(_ values: borrowing RawSpan, start: Int) {
    guard let first = Kernels.best.firstNotFinite(values) else { return }
    for index in first..<values.byteCount / 4 {
      let value = Float(bitPattern: values.littleEndian(UInt32.self, at: 4 * index)!)
      guard !value.isFinite else { continue }
      count += 1
      if self.first == nil || start + index < self.first! {
        (self.first, isNaN) = (start + index, value.isNaN)
      }
    }
  }

  package mutating func merge(_ other: NonfiniteTally) {
    count += other.count
    guard let theirs = other.first, first == nil || theirs < first! else { return }
    (first, isNaN) = (theirs, other.isNaN)
  }
}
