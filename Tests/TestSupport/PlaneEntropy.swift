import Foundation

/// Order-0 entropy: what a perfect coder of independent bytes would need.
package enum PlaneEntropy {
  /// Bits for all bytes together, from how often each occurs.
  package static func bits(of counts: [Int]) -> Double {
    let total = Double(counts.reduce(0, +))
    return counts.filter { $0 > 0 }.reduce(0) { $0 - Double($1) * log2(Double($1) / total) }
  }
}
