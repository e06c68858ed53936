import Synchronization
import TensorCore

/// A set of weights of a layer, and the tables with which products skip the others.
package final class SparseSupport: Sendable {
  /// The flat indexes of the weights in ascending order.
  package let indexes: [UInt32]
  /// The number of weights of the layer.
  package let weightCount: Int
  private let tables = Mutex<[SparseGeometry: Tables]>([:])

  struct Tables: Sendable {
    /// The entries by outputs, in the order of the weights.
    let rows: SparseRows
    /// The entries by planes of the input, and for each the number of its weight in ``SparseSupport/indexes``.
    let columns: SparseRows
    let order: [UInt32]
  }

  /// - Parameter indexes: In ascending order, below `weightCount`.
  package init(_ indexes: [UInt32], of weightCount: Int) {
    precondition(zip(indexes, indexes.dropFirst()).allSatisfy { $0 < $1 })
    precondition(Int(indexes.last ?? 0) < max(1, weightCount))
    self.indexes = indexes
    self.weightCount = weightCount
  }

  /// Returns the tables for the sizes of a layer, which are computed once.
  /// - Complexity: O(weights) at first.
  func tables(for geometry: SparseGeometry) -> Tables {
    if let known = tables.withLock({ $0[geometry] }) { return known }
    let made = makeTables(geometry)
    tables.withLock { tables in
      // The last batch of an evaluation has other sizes; more than a few are not kept.
      if tables.count >= 4 { tables.removeAll() }
      tables[geometry] = made
    }
    return made
  }

  private func makeTables(_ geometry: SparseGeometry) -> Tables {
    var starts = [UInt32](repeating: 0, count: geometry.outputs + 1)
    var offsets: [UInt32] = []
    offsets.reserveCapacity(indexes.count)
    let planeCount = geometry.inputs * geometry.stride * geometry.stride
    var columnStarts = [UInt32](repeating: 0, count: planeCount + 1)
    for index in indexes {
      let (row, offset) = geometry.inputOffset(Int(index))
      starts[row + 1] += 1
      offsets.append(UInt32(offset))
      columnStarts[geometry.gradientOffset(Int(index)).row + 1] += 1
    }
    for row in 1..<starts.count { starts[row] += starts[row - 1] }
    for plane in 1..<columnStarts.count { columnStarts[plane] += columnStarts[plane - 1] }
    var next = columnStarts
    var columns = [UInt32](repeating: 0, count: indexes.count)
    var order = columns
    for (number, index) in indexes.enumerated() {
      let (plane, offset) = geometry.gradientOffset(Int(index))
      let place = Int(next[plane])
      columns[place] = UInt32(offset)
      order[place] = UInt32(number)
      next[plane] += 1
    }
    return Tables(
      rows: SparseRows(starts: starts, offsets: offsets),
      columns: SparseRows(starts: columnStarts, offsets: columns), order: order)
  }
}

/// The weights of a layer that products use, and those whose gradients are computed. All other weights must be 0.
package struct SparsePattern: Sendable {
  package let kept: SparseSupport
  package let trained: SparseSupport

  package init(kept: SparseSupport, trained: SparseSupport) {
    precondition(kept.weightCount == trained.weightCount)
    self.kept = kept
    self.trained = trained
  }

  /// The largest share of kept weights with which skipping the others is faster than a product of whole matrices.
  package static let largestShare = 0.4

  /// True if so few weights are kept that products skip the others.
  package var isSparse: Bool {
    Double(kept.indexes.count) <= Self.largestShare * Double(kept.weightCount)
  }
}
