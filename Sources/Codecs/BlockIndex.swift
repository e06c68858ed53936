package import Base
import TensorCore

/// An index codec with one bit for each block of `rows` × `columns` elements of the matrix view. Specification,
/// section 10.4.
///
/// Blocks start at the first element of each chunk and are cut at the ends of the chunk and of its rows.
package struct BlockIndex: IndexCodec {
  package static let id: UInt8 = 4
  package static let name = "block"
  package static let explanation = """
    Stores one bit for each block of rows and columns: 1 if its values are kept.
    """
  package static let sideLimit = 1 << 16

  package let rows: Int
  package let columns: Int
  private let rowLength: Int

  /// - Parameter dimensions: The dimensions of the tensor, which determine the length of its rows.
  package init(rows: Int, columns: Int, dimensions: [Int]) {
    precondition(rows >= 1 && columns >= 1)
    self.rows = rows
    self.columns = columns
    rowLength = max(1, dimensions.last ?? 1)
  }

  package init(_ parameters: CBORMap, dimensions: [Int]) throws(CodecProblem) {
    var reader = ParameterReader(parameters, of: Self.name)
    let rows = try reader.integer("rows", in: 1...Self.sideLimit)
    let columns = try reader.integer("columns", in: 1...Self.sideLimit)
    try reader.finish()
    self.init(rows: rows, columns: columns, dimensions: dimensions)
  }

  package var parameters: CBORMap { ["rows": CBORValue(rows), "columns": CBORValue(columns)] }
  package var label: String { "block\(rows)x\(columns)" }

  /// A view of the chunk as a matrix of whole rows, or of a part of one row.
  private struct View {
    let length: Int
    let rowCount: Int
    let blocksAcross: Int
    let blockCount: Int

    init(_ layout: ChunkLayout, _ codec: BlockIndex) {
      length = min(codec.rowLength, max(1, layout.elementCount))
      rowCount = layout.elementCount / length
      blocksAcross = (length + codec.columns - 1) / codec.columns
      blockCount = blocksAcross * ((rowCount + codec.rows - 1) / codec.rows)
    }
  }

  /// Calls `body` with the elements of a block in the chunk, one range for each of its rows.
  private func forEachRun(of block: Int, _ view: View, _ body: (Range<Int>) -> Void) {
    let top = block / view.blocksAcross * rows
    let left = block % view.blocksAcross * columns
    for row in top..<min(top + rows, view.rowCount) {
      let start = row * view.length
      body(start + left..<start + min(left + columns, view.length))
    }
  }

  package func streamByteCounts(_ layout: ChunkLayout, valueCount: Int) -> [ClosedRange<Int>] {
    let count = (View(layout, self).blockCount + 7) / 8
    return [count...count]
  }

  private func holdsValue(_ block: Int, _ view: View, _ mask: RawSpan) -> Bool {
    var found = false
    forEachRun(of: block, view) { run in
      found = found || Kernels.best.count(ofMask: mask, bits: run) > 0
    }
    return found
  }

  @_lifetime(mask: copy mask)
  package func complete(_ mask: inout MutableRawSpan, _ layout: ChunkLayout) -> Bool {
    let view = View(layout, self)
    for block in 0..<view.blockCount where holdsValue(block, view, mask.bytes) {
      fill(block, view, &mask)
    }
    return true
  }

  @_lifetime(mask: copy mask)
  private func fill(_ block: Int, _ view: View, _ mask: inout MutableRawSpan) {
    var runs: [Range<Int>] = []
    forEachRun(of: block, view) { runs.append($0) }
    for run in runs { for index in run { mask.setBit(index) } }
  }

  @_lifetime(streams: copy streams)
  package func encode(
    _ mask: borrowing RawSpan, _ layout: ChunkLayout, valueCount: Int,
    into streams: inout MutableRawSpan
  ) -> [Int] {
    let view = View(layout, self)
    let byteCount = (view.blockCount + 7) / 8
    var target = streams._mutatingExtracting(0..<byteCount)
    target.fill()
    for block in 0..<view.blockCount where holdsValue(block, view, copy mask) {
      target.setBit(block)
    }
    return [byteCount]
  }

  @_lifetime(mask: copy mask)
  package func decode(
    _ buffer: borrowing RawSpan, streams: [Range<Int>], _ layout: ChunkLayout, valueCount: Int,
    into mask: inout MutableRawSpan
  ) throws(CodecProblem) {
    let view = View(layout, self)
    let stream = buffer.extracting(streams[0])
    guard
      view.blockCount % 8 == 0
        || stream.littleEndian(UInt8.self, at: view.blockCount / 8)!
          >> UInt8(view.blockCount % 8) == 0
    else { throw CodecProblem(.streams, "bits after the last block are set") }
    mask.fill()
    for block in 0..<view.blockCount where stream.bit(block) { fill(block, view, &mask) }
    try check(mask.bytes, layout, valueCount: valueCount)
  }
}
