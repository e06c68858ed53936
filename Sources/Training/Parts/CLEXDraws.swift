import Examples

/// The times and positions of the steps of a CLEX fit.
///
/// A step draws a time t from 1 to the largest factor, and n positions of n t for its windows of n tokens.
package enum CLEXDraws: Sendable {
  case random(seed: UInt64)
  /// A time for each step, and its positions as they are used.
  case given(times: [Int], positions: [[Double]])

  /// Returns the time of a step, counted from 0.
  package func time(ofStep step: Int, maximum: Int) -> Int {
    switch self {
    case .random(let seed):
      1 + Draws("clex time", seed: seed).number(below: maximum, step: step, index: 0)
    case .given(let times, _): times[step]
    }
  }

  /// Returns the sorted positions of a step, counted from 0.
  ///
  /// The first is 0 and the last ⌊n t / s⌋ − 1, where s is the number of trained lengths in n, at least 1. The others are
  /// drawn without replacement from 1 to n t − 2, and divided by s. Source: the training code of CLEX.
  /// - Complexity: O(*n t*).
  package func positions(
    ofStep step: Int, time: Int, count: Int, trainedLength: Int
  ) -> [Double] {
    guard case .random(let seed) = self else {
      if case .given(_, let positions) = self { return positions[step] }
      return []
    }
    let share = max(count / trainedLength, 1)
    let end = count * time
    let draws = Draws("clex positions", seed: seed)
    var needed = max(0, count - 2)
    var result = [0.0]
    for position in stride(from: 1, to: end - 1, by: 1) where needed > 0 {
      // Each place is chosen with the share of the places that are still needed.
      guard draws.number(below: end - 1 - position, step: step, index: position) < needed else {
        continue
      }
      result.append(Double(position) / Double(share))
      needed -= 1
    }
    if count > 1 { result.append(Double(end / share - 1)) }
    return result
  }
}
