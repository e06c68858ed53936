import Base
import Checkpoints
import TensorCore

/// A source that replaces some rows of a matrix, in the dtype of the matrix.
struct ReplacedRowsSource: TensorSource {
  private let base: LazyTensor
  /// The new rows, one after another, in the dtype of `base`.
  private let rows: any TensorSource
  /// The indices of the rows in `base` in ascending order, each with its index in `rows`.
  private let places: [(row: Int, index: Int)]

  /// - Parameter indices: The index in `base` of each row of `rows`. If an index occurs twice, the last row counts.
  init(_ base: LazyTensor, rows: LazyTensor, at indices: [Int]) throws {
    self.base = base
    let info = try TensorInfo(
      name: rows.name, dtype: base.info.dtype, shape: rows.info.shape)
    self.rows =
      rows.info.dtype == base.info.dtype
      ? rows.source : CastSource(rows, to: info, saturating: false)
    var last: [Int: Int] = [:]
    for (index, row) in indices.enumerated() { last[row] = index }
    places = last.map { ($0.key, $0.value) }.sorted { $0.row < $1.row }
  }

  func scratchByteCount(elementCount: Int) -> Int {
    max(
      base.source.scratchByteCount(elementCount: elementCount),
      rows.scratchByteCount(elementCount: min(elementCount, base.info.shape.columnCount)))
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try base.source.read(elements, into: &values, scratch: &scratch)
    let columns = base.info.shape.columnCount
    guard columns > 0, !elements.isEmpty else { return }
    let width = base.info.dtype.bitsPerElement / 8
    let first = elements.lowerBound / columns
    var low = places.startIndex
    var high = places.endIndex
    while low < high {
      let middle = (low + high) / 2
      if places[middle].row < first { low = middle + 1 } else { high = middle }
    }
    for (row, index) in places[low...] {
      let wanted = (row * columns..<(row + 1) * columns).clamped(to: elements)
      guard !wanted.isEmpty else { break }
      let start = width * (wanted.lowerBound - elements.lowerBound)
      var part = values._mutatingExtracting(start..<start + width * wanted.count)
      let offset = (index - row) * columns
      try rows.read(
        wanted.lowerBound + offset..<wanted.upperBound + offset, into: &part, scratch: &scratch)
    }
  }
}
