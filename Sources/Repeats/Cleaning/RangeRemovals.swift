import Base

/// The ranges of documents whose runs occur before, so that they can be removed.
///
/// Runs that cross the end of a document are left, and so are parts of characters at both ends.
struct RangeRemovals {
  struct Cut {
    /// The removed ranges of the joined documents.
    var range: Range<Int>
    /// The start of its first run.
    var runStart: Int
  }

  private(set) var cuts: [Cut] = []

  init(_ found: RepeatedRanges, _ corpus: Corpus) throws {
    var document = 0
    for starts in found.laterStarts.ranges {
      var start = starts.lowerBound
      while start < starts.upperBound {
        while document < corpus.documentCount - 1,
          corpus.range(of: document + 1).lowerBound <= start
        {
          document += 1
        }
        let range = corpus.range(of: document)
        let end = min(starts.upperBound, range.upperBound - found.length + 1)
        if start < end {
          add(start..<end + found.length - 1)
          start = end
        }
        // The runs up to the next document cross the end of this one.
        guard document < corpus.documentCount - 1 else { break }
        if start < starts.upperBound {
          start = max(start, min(starts.upperBound, corpus.range(of: document + 1).lowerBound))
        }
      }
    }
    if corpus.unit == .byte { try keepCharacters(corpus) }
  }

  private mutating func add(_ range: Range<Int>) {
    // Ranges that overlap are in one document.
    if let last = cuts.last, range.lowerBound < last.range.upperBound {
      cuts[cuts.count - 1].range = last.range.lowerBound..<range.upperBound
    } else {
      cuts.append(Cut(range: range, runStart: range.lowerBound))
    }
  }

  private mutating func keepCharacters(_ corpus: Corpus) throws {
    for index in cuts.indices {
      var (start, end) = (cuts[index].range.lowerBound, cuts[index].range.upperBound)
      let limit = corpus.unitCount
      func isInside(_ place: Int) throws -> Bool {
        guard place < limit else { return false }
        return try corpus.bytes(place..<place + 1)[0] & 0xC0 == 0x80
      }
      while start < end, try isInside(start) { start += 1 }
      while start < end, try isInside(end) { end -= 1 }
      cuts[index].range = start..<end
    }
    cuts.removeAll(where: \.range.isEmpty)
  }
}
