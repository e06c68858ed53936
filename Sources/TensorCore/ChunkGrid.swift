import Base

/// The division of a tensor into chunks, which depends only on its dtype and shape.
///
/// A chunk has as many whole rows as fit in 1 MiB of values. Each longer row is divided separately into blocks of
/// 65,536 elements. F4 and F6 tensors whose rows do not end on a byte boundary are divided as if they were one row;
/// blocks of that size always end on a byte boundary.
package struct ChunkGrid: Sendable, Equatable {
  package static let targetByteCount = 1 << 20
  package static let blockElementCount = 65_536

  package let elementCount: Int
  /// The number of elements of a row, or of the whole tensor if it is divided as one row.
  private let rowLength: Int
  private let elementsPerChunk: Int
  private let chunksPerRow: Int
  package let count: Int

  package init(dtype: DType, shape: Shape) {
    elementCount = shape.elementCount
    let columns = shape.columnCount
    rowLength = columns * dtype.bitsPerElement % 8 == 0 ? columns : elementCount
    guard elementCount > 0 else {
      (elementsPerChunk, chunksPerRow, count) = (0, 0, 0)
      return
    }
    let rows = elementCount / rowLength
    let rowBits = rowLength * dtype.bitsPerElement
    if rowBits > Self.targetByteCount * 8 || rowLength != columns {
      elementsPerChunk = Self.blockElementCount
      chunksPerRow = (rowLength + elementsPerChunk - 1) / elementsPerChunk
      count = rows * chunksPerRow
    } else {
      let rowsPerChunk = max(1, Self.targetByteCount * 8 / rowBits)
      elementsPerChunk = rowsPerChunk * rowLength
      chunksPerRow = 0
      count = (rows + rowsPerChunk - 1) / rowsPerChunk
    }
  }

  /// The flat indexes of the elements of chunk `index`.
  package subscript(index: Int) -> Range<Int> {
    precondition(index >= 0 && index < count)
    guard chunksPerRow > 0 else {
      let start = index * elementsPerChunk
      return start..<min(start + elementsPerChunk, elementCount)
    }
    let rowStart = index / chunksPerRow * rowLength
    let start = rowStart + index % chunksPerRow * elementsPerChunk
    return start..<min(start + elementsPerChunk, rowStart + rowLength)
  }

  /// Returns the chunk that contains the element with flat index `element`. Traps if it is outside the tensor.
  package func chunk(containing element: Int) -> Int {
    precondition(element >= 0 && element < elementCount)
    guard chunksPerRow > 0 else { return element / elementsPerChunk }
    return element / rowLength * chunksPerRow + element % rowLength / elementsPerChunk
  }

  /// Calls `body` for each chunk that contains a part of a range.
  /// - Parameters:
  ///   - elements: The range of flat indexes.
  ///   - body: Receives the index of the chunk, its elements, and those of its elements that are in the range.
  package func forEachChunk(
    in elements: Range<Int>,
    _ body: (_ chunk: Int, _ whole: Range<Int>, _ wanted: Range<Int>) throws -> Void
  ) rethrows {
    guard !elements.isEmpty else { return }
    let first = chunk(containing: elements.lowerBound)
    let last = chunk(containing: elements.upperBound - 1)
    for chunk in first...last {
      let whole = self[chunk]
      try body(chunk, whole, whole.clamped(to: elements))
    }
  }

  /// The maximum number of elements of a chunk.
  package var largestChunk: Int {
    min(elementsPerChunk, chunksPerRow > 0 ? rowLength : elementCount)
  }
}
