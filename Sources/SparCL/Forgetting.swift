/// The order in which examples leave a training: those that are forgotten least often first.
///
/// An example is forgotten when it is wrong after it was right. Source: Toneva et al., "An empirical study of example
/// forgetting during deep neural network learning"; Wang et al., "SparCL", section 3.3.
package enum Forgetting {
  /// Returns the number of times that an example was forgotten; `neverRight` if it was never right.
  /// - Parameter sights: True for each time that the example was right, in the order of time.
  package static func count(_ sights: [Bool], neverRight: Int) -> Int {
    guard sights.contains(true) else { return neverRight }
    return zip(sights, sights.dropFirst()).count { $0 && !$1 }
  }

  /// Returns examples by their counts, the lowest first; those with equal counts by their number.
  package static func order(_ counts: [(example: Int, count: Int)]) -> [Int] {
    counts.sorted { ($0.count, $0.example) < ($1.count, $1.example) }.map(\.example)
  }

  /// Returns the examples that stay, in the order of `examples`, and those that leave.
  /// - Parameters:
  ///   - number: The number of examples that leave, if so many of `examples` are in the order and not spared.
  ///   - order: The examples with counts, the first to leave first; those that are not in `examples` do not count.
  ///   - spared: The number of examples at the start of the order that stay.
  package static func removing(
    _ number: Int, of examples: [Int], order: [Int], spared: Int = 0
  ) -> (kept: [Int], removed: [Int]) {
    let present = Set(examples)
    let removed = Array(order.filter { present.contains($0) }.dropFirst(spared).prefix(number))
    let leaves = Set(removed)
    return (examples.filter { !leaves.contains($0) }, removed)
  }
}
