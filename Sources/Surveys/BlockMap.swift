import Base
import TensorCore

/// A map of the blocks of 16 × 16 values in a matrix [R, C] that contain a nonzero value.
struct BlockMap: Sendable {
  static let side = 16

  private let rows: Int
  private let columns: Int
  private let blockColumns: Int
  private let blockCount: Int
  private var words: [UInt64]

  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    blockColumns = (columns + Self.side - 1) / Self.side
    blockCount = (rows + Self.side - 1) / Self.side * blockColumns
    words = [UInt64](repeating: 0, count: (blockCount + 63) / 64)
  }

  /// Returns the size in bytes of a map for a tensor of this shape.
  static func byteCount(_ rows: RowGeometry) -> Int {
    let (rowCount, columnCount) =
      rows.isContiguous ? (rows.outer, rows.length) : (rows.outer * rows.length, rows.inner)
    return (rowCount + side - 1) / side * ((columnCount + side - 1) / side) / 8 + 8
  }

  /// The share of blocks that contain only zeros; 0 without blocks.
  var zeroShare: Double {
    guard blockCount > 0 else { return 0 }
    let used = words.reduce(0) { $0 + $1.nonzeroBitCount }
    return Double(blockCount - used) / Double(blockCount)
  }

  /// Marks the blocks of `elements`, none of which is zero.
  mutating func mark(_ elements: Range<Int>) {
    guard elements.lowerBound % columns != 0 || elements.upperBound % columns != 0 else {
      // The elements are whole rows, so every block of these rows is marked.
      let first = elements.lowerBound / columns / Self.side
      let last = (elements.upperBound / columns - 1) / Self.side
      for block in first * blockColumns..<(last + 1) * blockColumns {
        words[block / 64] |= 1 << UInt64(block % 64)
      }
      return
    }
    forEachPiece(of: elements) { words, block, _ in words[block / 64] |= 1 << UInt64(block % 64) }
  }

  /// Marks the blocks that contain an element whose bit in `mask` is set.
  mutating func mark(_ elements: Range<Int>, nonzero mask: borrowing RawSpan) {
    forEachPiece(of: elements) { words, block, bits in
      let bit: UInt64 = 1 << UInt64(block % 64)
      if words[block / 64] & bit == 0, mask.holdsSetBit(in: bits) { words[block / 64] |= bit }
    }
  }

  /// Calls `body` for each run of adjacent elements within a block, with the words of the map, the block and
  /// the positions of the run relative to the start of `elements`.
  private mutating func forEachPiece(
    of elements: Range<Int>, _ body: (inout [UInt64], Int, Range<Int>) -> Void
  ) {
    var start = elements.lowerBound
    while start < elements.upperBound {
      let row = start / columns
      let rowEnd = min((row + 1) * columns, elements.upperBound)
      let base = row / Self.side * blockColumns
      var column = start - row * columns
      while start < rowEnd {
        let next = min(rowEnd, start + Self.side - column % Self.side)
        body(
          &words, base + column / Self.side,
          start - elements.lowerBound..<next - elements.lowerBound)
        column += next - start
        start = next
      }
    }
  }
}

extension RawSpan {
  /// Returns true if any of at most 16 bits is set.
  fileprivate func holdsSetBit(in bits: Range<Int>) -> Bool {
    var word: UInt32 = 0
    let first = bits.lowerBound / 8
    for byteOffset in first...(bits.upperBound - 1) / 8 {
      word |= UInt32(littleEndian(UInt8.self, at: byteOffset)!) << UInt32(8 * (byteOffset - first))
    }
    return (word >> UInt32(bits.lowerBound % 8)) & ((1 << UInt32(bits.count)) - 1) != 0
  }
}
