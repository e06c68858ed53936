import Base
import TensorCore

/// The fit of a chunk's values to an N:M pattern.
///
/// Where the elements of a row are next to each other, groups that continue in the next chunk are completed with it.
/// Where they are not, a chunk's part of such a group counts as a group.
struct PatternPart: Sendable {
  private var fit = Kernels.PatternFit()
  /// The values that complete the last group of the previous chunk.
  private var head: [Float] = []
  /// The values of the last group, which the next chunk completes.
  private var tail: [Float] = []

  init() {}

  /// - Parameter floats: The F32 values of `elements`.
  init(
    _ floats: borrowing RawSpan, _ elements: Range<Int>, _ rows: RowGeometry, _ pattern: Pattern
  ) {
    guard rows.isContiguous else {
      addLines(floats, elements, rows, pattern)
      return
    }
    let group = pattern.group
    func isCut(_ element: Int) -> Bool { element % rows.length % group != 0 }
    var range = elements
    if isCut(range.lowerBound) {
      let column = range.lowerBound % rows.length
      let end = min((column / group + 1) * group, rows.length) - column + range.lowerBound
      head = floats.floats(range.lowerBound..<min(end, range.upperBound), from: elements)
      range = range.lowerBound + head.count..<range.upperBound
    }
    if !range.isEmpty, isCut(range.upperBound) {
      let rest = range.upperBound % rows.length % group
      tail = floats.floats(range.upperBound - rest..<range.upperBound, from: elements)
      range = range.lowerBound..<range.upperBound - rest
    }
    // Rows of whole groups can be processed as one long row.
    let run = rows.length % group == 0 ? max(1, elements.count) : rows.length
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(
        range.upperBound, run == rows.length ? (start / run + 1) * run : range.upperBound)
      let first = start - elements.lowerBound
      Kernels.best.patternFit(
        floats.extracting(4 * first..<4 * (first + end - start)), keep: pattern.kept,
        group: group, into: &fit)
      start = end
    }
  }

  /// Adds the groups along a dimension that is not the last, where a group has elements of several lines.
  private mutating func addLines(
    _ floats: borrowing RawSpan, _ elements: Range<Int>, _ rows: RowGeometry, _ pattern: Pattern
  ) {
    let inner = rows.inner
    var line = elements.lowerBound / inner
    while line * inner < elements.upperBound {
      let position = line % rows.length
      let end = min(rows.length, (position / pattern.group + 1) * pattern.group)
      let last = min(line + end - position, (elements.upperBound + inner - 1) / inner)
      let range = (line * inner..<last * inner).clamped(to: elements)
      let count = last - line
      guard range.count == count * inner else {
        // Lines longer than a chunk have no neighbors here.
        return
      }
      let first = range.lowerBound - elements.lowerBound
      var group = ByteBuffer(byteCount: 4 * range.count)
      var target = group.mutableBytes
      for index in 0..<count {
        for row in 0..<inner {
          target.storeLittleEndian(
            floats.littleEndian(UInt32.self, at: 4 * (first + index * inner + row))!,
            at: 4 * (row * count + index))
        }
      }
      Kernels.best.patternFit(
        target.bytes, keep: min(pattern.kept, count), group: count, into: &fit)
      line = last
    }
  }

  /// Adds the fit to `total`.
  /// - Parameter open: The values of the group that the previous chunk left open.
  /// - Returns: The values of the group that this chunk leaves open.
  func merged(
    after open: [Float], _ pattern: Pattern, into total: inout Kernels.PatternFit
  ) -> [Float] {
    let completed = open + head
    if !completed.isEmpty {
      Kernels.best.patternFit(
        completed.rawSpan, keep: pattern.kept, group: pattern.group, into: &total)
    }
    total.merge(fit)
    return tail
  }
}

extension RawSpan {
  /// Returns the F32 values of `range`; the span starts at the first of `elements`.
  fileprivate func floats(_ range: Range<Int>, from elements: Range<Int>) -> [Float] {
    range.map {
      Float(bitPattern: littleEndian(UInt32.self, at: 4 * ($0 - elements.lowerBound))!)
    }
  }

  /// Raises the peak of each input, the bits of a float32, to the largest magnitude among its F32 values.
  func addPeaks(_ elements: Range<Int>, _ rows: RowGeometry, to peaks: inout MutableRawSpan) {
    let size = rows.isContiguous ? rows.length : rows.inner
    var start = elements.lowerBound
    while start < elements.upperBound {
      var end = min(elements.upperBound, (start / size + 1) * size)
      if rows.isContiguous, start % size == 0, elements.upperBound - start >= size {
        end = start + (elements.upperBound - start) / size * size
        let first = 4 * (start - elements.lowerBound)
        Kernels.best.columnPeaks(
          extracting(first..<first + 4 * (end - start)), columns: size, into: &peaks)
        start = end
        continue
      }
      let column = rows.position(of: start).column
      for element in start..<end {
        let target = 4 * (rows.isContiguous ? column + element - start : column)
        let value =
          littleEndian(UInt32.self, at: 4 * (element - elements.lowerBound))! & 0x7FFF_FFFF
        // Values that are not finite are no peaks, as in `columnPeaks`.
        if value < 0x7F80_0000, value > peaks.bytes.littleEndian(UInt32.self, at: target)! {
          peaks.storeLittleEndian(value, at: target)
        }
      }
      start = end
    }
  }
}
