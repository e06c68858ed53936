import Base
import Checkpoints
import TensorCore

/// Rules for rows whose elements are not next to each other, such as the columns of a matrix `[in, out]`.
///
/// A *line* is the run of elements that all rows have at one position. Elements of rules are counted row by row.
struct StridedRows {
  private let rows: RowGeometry

  init(_ rows: RowGeometry) { self.rows = rows }

  /// Sets the bits of the elements that the rules of their rows keep.
  ///
  /// - Parameter kept: Bits of `elements`, all 0.
  /// - Complexity: O(*n*) for *n* elements.
  @_lifetime(kept: copy kept)
  func markKept(
    _ rules: [GroupRule], _ elements: Range<Int>, _ scores: borrowing RawSpan,
    in kept: inout MutableRawSpan
  ) {
    var start = elements.lowerBound
    while start < elements.upperBound {
      let end = min(elements.upperBound, (start / rows.inner + 1) * rows.inner)
      let (row, column) = rows.position(of: start)
      for element in start..<end {
        let row = row + element - start
        let rule = rules[row]
        let index = element - elements.lowerBound
        let score = scores.littleEndian(UInt32.self, at: 4 * index)! & 0x7FFF_FFFF
        if score > rule.threshold
          || score == rule.threshold && row * rows.length + column < rule.tieEnd
        {
          kept.setBit(index)
        }
      }
      start = end
    }
  }

  // MARK: Patterns

  /// Returns the layout of the memory for `markPattern`: the scores of the groups of all rows at some positions, and
  /// their mask.
  func patternLayout(group: Int) -> WorkspaceLayout {
    let count = min(group, rows.length) * rows.inner
    return WorkspaceLayout(
      FloatReader.byteCount(elementCount: count), Kernels.maskByteCount(elementCount: count),
      alignment: 64)
  }

  /// Sets the bits of the `keep` highest scores of each group.
  ///
  /// - Parameters:
  ///   - elements: Whole groups of all rows.
  ///   - kept: Bits of `elements`, all 0.
  @_lifetime(kept: copy kept)
  @_lifetime(scratch: copy scratch)
  func markPattern(
    _ keep: Int, _ group: Int, _ elements: Range<Int>, _ scores: borrowing RawSpan,
    in kept: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    let inner = rows.inner
    patternLayout(group: group).withSpans(of: &scratch) { gathered, mask, _ in
      var line = elements.lowerBound / inner
      while line * inner < elements.upperBound {
        let length = min(group, rows.length - line % rows.length)
        let first = line * inner - elements.lowerBound
        // The scores of a row's group become adjacent.
        for position in 0..<length {
          for row in 0..<inner {
            gathered.storeLittleEndian(
              scores.littleEndian(UInt32.self, at: 4 * (first + position * inner + row))!,
              at: 4 * (row * length + position))
          }
        }
        Kernels.best.patternMask(
          gathered.bytes.extracting(0..<4 * length * inner), keep: min(keep, length),
          group: length, into: &mask)
        for position in 0..<length {
          for row in 0..<inner where mask.bytes.bit(row * length + position) {
            kept.setBit(first + position * inner + row)
          }
        }
        line += length
      }
    }
  }
}

/// Reads rows whose elements are not next to each other, and puts the elements of each row next to each other.
struct StridedReading {
  private let reading: MaskedReading
  private var rows: RowGeometry { reading.rows }

  /// The number of elements of whole lines that are read at once.
  private static let blockElementCount = 1 << 16

  init(_ reading: MaskedReading) { self.reading = reading }

  /// The number of lines of a block.
  private var blockLineCount: Int {
    max(1, min(rows.length, Self.blockElementCount / max(1, rows.inner)))
  }

  /// The memory that `read` needs, in bytes.
  var workspaceByteCount: Int {
    rows.isContiguous
      ? 0 : reading.workspace(elementCount: blockLineCount * rows.inner).byteCount
  }

  /// Reads rows as `MaskedReading.read` reads elements, one row after the other.
  ///
  /// Lines of a file are read in part; other sources give whole lines.
  /// - Returns: The tally of values that are not finite.
  @_lifetime(values: copy values)
  @_lifetime(scores: copy scores)
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  func read(
    _ wanted: Range<Int>, values: inout MutableRawSpan, scores: inout MutableRawSpan,
    mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws -> NonfiniteTally {
    mask.fill()
    var tally = NonfiniteTally()
    var first = wanted.lowerBound
    while first < wanted.upperBound {
      // Rows of one index of the outer dimensions share their lines.
      let outer = first / rows.inner
      let end = min(wanted.upperBound, (outer + 1) * rows.inner)
      let columns = first - outer * rows.inner..<end - outer * rows.inner
      let isPart = reading.tensor.source.fileBytes != nil && columns.count < rows.inner
      let step = isPart ? 1 : blockLineCount
      for line in stride(from: 0, to: rows.length, by: step) {
        let lines = line..<min(line + step, rows.length)
        let start = (outer * rows.length + line) * rows.inner
        let elements =
          isPart
          ? start + columns.lowerBound..<start + columns.upperBound
          : start..<start + lines.count * rows.inner
        let block = Block(
          elements: elements, lines: lines, width: isPart ? columns.count : rows.inner,
          columns: isPart ? 0..<columns.count : columns, firstRow: first - wanted.lowerBound)
        // Where whole lines are read for some rows, only the first of these passes counts.
        let counts = isPart || columns.lowerBound == 0
        tally.merge(
          try read(
            block, counts: counts, values: &values, scores: &scores, mask: &mask,
            scratch: &scratch))
      }
      first = end
    }
    return tally
  }

  /// A part of several lines.
  private struct Block {
    /// The elements to read.
    var elements: Range<Int>
    /// The positions of the elements in their rows.
    var lines: Range<Int>
    /// The number of elements of each line.
    var width: Int
    /// The wanted elements of each line.
    var columns: Range<Int>
    /// The first row of `columns` among the wanted rows.
    var firstRow: Int
  }

  @_lifetime(values: copy values)
  @_lifetime(scores: copy scores)
  @_lifetime(mask: copy mask)
  @_lifetime(scratch: copy scratch)
  private func read(
    _ block: Block, counts: Bool, values: inout MutableRawSpan, scores: inout MutableRawSpan,
    mask: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws -> NonfiniteTally {
    let layout = reading.workspace(elementCount: block.elements.count)
    return try layout.withSpans(of: &scratch) { own, ownScores, ownMask, rest in
      let tally = try reading.read(
        block.elements, counts: counts, values: &own, scores: &ownScores, mask: &ownMask,
        scratch: &rest)
      for line in block.lines {
        let from = (line - block.lines.lowerBound) * block.width
        for column in block.columns {
          let row = block.firstRow + column - block.columns.lowerBound
          let target = row * rows.length + line
          values.storeLittleEndian(
            own.bytes.littleEndian(UInt32.self, at: 4 * (from + column))!, at: 4 * target)
          if !reading.score.isMagnitude {
            scores.storeLittleEndian(
              ownScores.bytes.littleEndian(UInt32.self, at: 4 * (from + column))!, at: 4 * target)
          }
          if ownMask.bytes.bit(from + column) { mask.setBit(target) }
        }
      }
      return tally
    }
  }
}
