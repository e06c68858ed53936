/// The parts that were cut out of documents, in order, in a temporary file.
final class CutFile {
  /// A record has the document, the offset of the cut in it, and the number of units that were cut up to its start and
  /// its end.
  private let file: NumberFile
  private var last: (document: Int, cutCount: Int) = (-1, 0)

  init(in folder: String) throws { file = try NumberFile(in: folder, width: 4) }

  /// Adds a cut.
  /// - Parameter offsets: The range in the whole document.
  func append(_ offsets: Range<Int>, of document: Int) throws {
    let before = last.document == document ? last.cutCount : 0
    try file.append([document, offsets.lowerBound, before, before + offsets.count])
    last = (document, before + offsets.count)
  }

  func end() throws { try file.flush() }

  /// Returns the ranges of a whole document that are a range of what is left of it.
  /// - Complexity: O(log *n* + *k*) reads for *n* cuts, *k* of which are inside of the range.
  func whole(_ offsets: Range<Int>, of document: Int) throws -> [Range<Int>] {
    var (low, high) = (0, file.count)
    // Finds the first cut after the start of the range.
    while low < high {
      let middle = (low + high) / 2
      let cut = try file.records(middle..<middle + 1)
      if (cut[0], cut[1] - cut[2]) <= (document, offsets.lowerBound) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    var shift = 0
    if low > 0 {
      let before = try file.records(low - 1..<low)
      if before[0] == document { shift = before[3] }
    }
    var ranges: [Range<Int>] = []
    var start = offsets.lowerBound
    while low < file.count {
      let cut = try file.records(low..<low + 1)
      guard cut[0] == document, cut[1] - cut[2] < offsets.upperBound else { break }
      let end = cut[1] - cut[2]
      ranges.append(start + shift..<end + shift)
      (start, shift) = (end, cut[3])
      low += 1
    }
    ranges.append(start + shift..<offsets.upperBound + shift)
    return ranges
  }
}
