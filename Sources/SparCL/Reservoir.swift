/// A sample of a stream in which each example that was seen has the same chance to be.
///
/// Source: Vitter, "Random sampling with a reservoir", algorithm R.
package struct Reservoir: Sendable, Equatable {
  /// The largest number of examples.
  package let size: Int
  /// The largest number of examples that a stored sample may have seen.
  package static let maximumSeen = 1 << 48
  /// The number of examples that were offered.
  package private(set) var seen: Int

  package init(size: Int, seen: Int = 0) {
    self.size = size
    self.seen = seen
  }

  /// The number of places that hold an example.
  package var count: Int { min(size, seen) }

  /// Counts an example.
  /// - Parameter draw: Returns a random number below its argument; called for examples that find the sample full.
  /// - Returns: The place that the example takes; nil if it is not kept.
  package mutating func offer(draw: (_ bound: Int) throws -> Int) rethrows -> Int? {
    defer { seen += 1 }
    guard seen >= size else { return seen }
    let place = try draw(seen + 1)
    return place < size ? place : nil
  }
}
