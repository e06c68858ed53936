/// The order of the examples in each epoch: that of the data, drawn at random, or given.
package enum ExampleOrder: Sendable {
  /// The order of the data in each epoch.
  case asStored
  case random(seed: UInt64)
  /// The numbers of the examples of each epoch.
  case given([[Int]])

  /// Returns the numbers of the examples of an epoch.
  package func examples(ofEpoch epoch: Int, count: Int) -> [Int] {
    switch self {
    case .asStored: Array(0..<count)
    case .random(let seed): Draws("order", seed: seed).permutation(count, step: epoch)
    case .given(let epochs): epochs[epoch]
    }
  }
}
