import Base

/// The numbers of documents and units that were read, removed and kept.
package struct DedupTally: Sendable, Equatable {
  package struct Part: Sendable, Equatable {
    /// The number of documents, or for what was removed of those of which nothing is left.
    package var documents = 0
    /// The number of pieces that were removed: documents, paragraphs or ranges.
    package var pieces = 0
    /// The number of bytes or tokens.
    package var units = 0

    package init(documents: Int = 0, pieces: Int = 0, units: Int = 0) {
      (self.documents, self.pieces, self.units) = (documents, pieces, units)
    }
  }

  package internal(set) var read = Part()
  package internal(set) var kept = Part()
  package internal(set) var removed: [DedupSettings.Level: Part] = [:]

  mutating func remove(_ level: DedupSettings.Level, units: Int) {
    removed[level, default: Part()].pieces += 1
    removed[level]?.units += units
  }

  mutating func removeDocument(_ level: DedupSettings.Level) {
    removed[level, default: Part()].documents += 1
  }

  /// The sum of all that was removed.
  package var allRemoved: Part {
    removed.values.reduce(into: Part()) { sum, part in
      sum.documents += part.documents
      sum.pieces += part.pieces
      sum.units += part.units
    }
  }

  /// Checks that what was read is what was kept and removed, which are counted in different places: while files are read,
  /// while they are written, and while removals are listed.
  func check() throws(DedupMismatch) {
    let all = allRemoved
    guard read.documents == kept.documents + all.documents, read.units == kept.units + all.units
    else { throw DedupMismatch(tally: self) }
  }
}

/// The numbers of what was read, kept and removed do not add up, which is a fault of the program.
struct DedupMismatch: UserError {
  let tally: DedupTally

  var status: ExitStatus { .bug }
  var message: Message {
    let (read, kept, removed) = (tally.read, tally.kept, tally.allRemoved)
    return
      "\(read.documents) documents with \(read.units) units were read, but \(kept.documents) with \(kept.units) kept and \(removed.documents) with \(removed.units) removed; nothing was written"
  }
}
