import Base
import Checkpoints
import TensorCore

/// Reads rows of a tensor as float32, with the elements of each row next to each other.
struct RowReader: Sendable {
  let tensor: LazyTensor
  let rows: RowGeometry

  /// The number of elements of whole lines that are read at once where rows are not contiguous.
  private static let blockElementCount = 1 << 16

  private var reader: FloatReader { FloatReader(tensor) }

  /// The number of lines of a block: a line has the elements of all rows at one position.
  private var blockLineCount: Int {
    max(1, min(rows.length, Self.blockElementCount / max(1, rows.inner)))
  }

  /// The scratch memory to read a range of `elementCount` elements of a row, or whole rows of that many elements.
  func scratchByteCount(elementCount: Int) -> Int {
    guard !rows.isContiguous else { return reader.scratchByteCount(elementCount: elementCount) }
    return reader.workspace(elementCount: blockLineCount * rows.inner).byteCount
  }

  /// Fills `floats` with the elements of `wanted` rows, one row after the other.
  @_lifetime(floats: copy floats)
  @_lifetime(scratch: copy scratch)
  func read(
    _ wanted: Range<Int>, into floats: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !rows.isContiguous else {
      try reader.read(
        wanted.lowerBound * rows.length..<wanted.upperBound * rows.length, into: &floats,
        scratch: &scratch)
      return
    }
    var first = wanted.lowerBound
    while first < wanted.upperBound {
      // Rows of one index of the outer dimensions share their lines.
      let outer = first / rows.inner
      let end = min(wanted.upperBound, (outer + 1) * rows.inner)
      let columns = first - outer * rows.inner..<end - outer * rows.inner
      let isPart = tensor.source.fileBytes != nil && columns.count < rows.inner
      let width = isPart ? columns.count : rows.inner
      let step = isPart ? 1 : blockLineCount
      for line in stride(from: 0, to: rows.length, by: step) {
        let lines = line..<min(line + step, rows.length)
        let start =
          (outer * rows.length + line) * rows.inner + (isPart ? columns.lowerBound : 0)
        let count = lines.count * width
        try reader.workspace(elementCount: count).withSpans(of: &scratch) { own, rest in
          try reader.read(start..<start + count, into: &own, scratch: &rest)
          for line in lines {
            let from = (line - lines.lowerBound) * width + (isPart ? 0 : columns.lowerBound)
            for index in 0..<columns.count {
              let target = (first - wanted.lowerBound + index) * rows.length + line
              floats.storeLittleEndian(
                own.bytes.littleEndian(UInt32.self, at: 4 * (from + index))!, at: 4 * target)
            }
          }
        }
      }
      first = end
    }
  }
}
