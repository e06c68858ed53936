package import TensorCore

/// The division of an array in Fortran order into panels: ranges of elements in C order that fit into memory.
///
/// Dimension k has the stride d₀ · … · d₍ₖ₋₁₎ in the file, and d₍ₖ₊₁₎ · … · d₍ₙ₋₁₎ in C order. A panel has fixed
/// indexes before the split dimension, a range of indexes in it, and all indexes after it.
package struct FortranLayout: Sendable, Equatable {
  /// A dimension after the split dimension.
  struct Axis: Sendable, Equatable {
    var count: Int
    /// The distance of neighbours in the file, in elements.
    var fileStride: Int
    /// The distance of neighbours in C order, in elements.
    var rowStride: Int
  }

  /// One panel.
  package struct Panel: Sendable, Equatable {
    /// Its elements in C order.
    package var elements: Range<Int>
    /// The position of its first element in the file, in elements.
    var fileElement: Int
    /// The number of indexes in the split dimension.
    var rowCount: Int
  }

  /// The number of elements between two indexes of the split dimension in the file.
  let rowStride: Int
  /// The number of elements between two indexes of the split dimension in C order.
  let innerCount: Int
  /// The dimensions after the split dimension.
  let innerAxes: [Axis]
  /// The number of elements of the largest panel.
  package let largestPanel: Int
  private let elementCount: Int
  /// The dimensions before the split dimension; ones are left out.
  private let outerDimensions: [Int]
  private let rowsPerPanel: Int
  private let splitCount: Int

  /// - Parameter limit: The maximum number of elements of a panel, at least 1.
  package init(_ shape: Shape, limit: Int) {
    let dimensions = shape.elementCount == 0 ? [] : shape.dimensions.filter { $0 > 1 }
    elementCount = shape.elementCount
    // The split dimension is the first one whose rows are not larger than a panel.
    var split = 0
    var inner = dimensions.dropFirst().reduce(1, *)
    while inner > limit, split + 1 < dimensions.count {
      split += 1
      inner /= dimensions[split]
    }
    innerCount = inner
    splitCount = dimensions.isEmpty ? 1 : dimensions[split]
    outerDimensions = Array(dimensions.prefix(split))
    rowStride = outerDimensions.reduce(1, *)
    rowsPerPanel = min(splitCount, max(1, limit / inner))
    largestPanel = min(shape.elementCount, rowsPerPanel * inner)
    var axes: [Axis] = []
    var fileStride = rowStride * splitCount
    var rest = inner
    for dimension in dimensions.dropFirst(split + 1) {
      rest /= dimension
      axes.append(Axis(count: dimension, fileStride: fileStride, rowStride: rest))
      fileStride *= dimension
    }
    innerAxes = axes
  }

  /// Returns the panel that contains an element with this index in C order.
  package func panel(containing element: Int) -> Panel {
    precondition(element >= 0 && element < elementCount)
    let outerCount = splitCount * innerCount
    var outer = element / outerCount
    let firstRow = element % outerCount / innerCount / rowsPerPanel * rowsPerPanel
    let rowCount = min(rowsPerPanel, splitCount - firstRow)
    let start = outer * outerCount + firstRow * innerCount
    var fileElement = firstRow * rowStride
    var fileStride = rowStride
    for dimension in outerDimensions.reversed() {
      fileStride /= dimension
      fileElement += outer % dimension * fileStride
      outer /= dimension
    }
    return Panel(
      elements: start..<start + rowCount * innerCount, fileElement: fileElement,
      rowCount: rowCount)
  }
}
