import Foundation

/// The order-0 entropy of bytes: the size that a perfect coder of independent bytes would reach.
package enum PlaneEntropy {
  /// Returns the number of bits for all bytes, from the frequency of each value.
  package static func bits(of counts: [Int]) -> Double {
    let total = Double(counts.reduce(0, +))
    return counts.filter { $0 > 0 }.reduce(0) { $0 - Double($1) * log2(Double($1) / total) }
  }
}
