import Base

/// Finds equal paragraphs. Equal hashes are verified with the bytes.
///
/// If the different paragraphs do not fit into memory, the texts are read several times, for a part of the hashes each
/// time.
struct ParagraphCounter {
  let walk: ParagraphWalk
  /// The number of bytes for the table of paragraphs.
  let memory: Int

  /// Calls the functions for each part of the hashes.
  /// - Parameters:
  ///   - begin: Called before a part is read. What a part before it passed on without an end is void.
  ///   - later: Called with each paragraph that is equal to an earlier one, in order, and with the first one.
  ///   - end: Called with the table of a part that was read to its end.
  /// - Throws: ``UsageError`` if the memory is too little.
  func run(
    begin: () throws -> Void = {},
    later: (Paragraph, _ first: Range<Int>) throws -> Void = { _, _ in },
    end: (ParagraphTable) throws -> Void
  ) throws {
    var parts = HashPart.parts(1)
    while let part = parts.popLast() {
      try begin()
      var table = ParagraphTable(memory: memory)
      do {
        try read(part, &table, later)
        try end(table)
      } catch let overflow as Overflow {
        // The share of the texts that was read says how many tables all of them need; parts differ in size.
        let total = Double(walk.pass.corpus.unitCount)
        let needed = (1.25 * total / Double(max(1, overflow.position))).rounded(.up)
        let count = UInt64(min(0x1p20, max(2, needed)))  // fits: it is 2 to 2^20
        parts += try part.divided(into: count)
      }
    }
  }

  private struct Overflow: Error { var position: Int }

  private func read(
    _ part: HashPart, _ table: inout ParagraphTable,
    _ later: (Paragraph, _ first: Range<Int>) throws -> Void
  ) throws {
    let corpus = walk.pass.corpus
    try walk.run { paragraph in
      guard part.contains(paragraph.hash) else { return }
      switch try table.add(paragraph, areEqual: corpus.areEqual) {
      case .first: break
      case .later(let first): try later(paragraph, first)
      case .full: throw Overflow(position: paragraph.range.lowerBound)
      }
    }
  }
}

extension Corpus {
  private static let comparedUnitCount = 1 << 18

  /// Returns true if two ranges have equal units.
  func areEqual(_ a: Range<Int>, _ b: Range<Int>) throws -> Bool {
    guard a.count == b.count else { return false }
    for start in stride(from: 0, to: a.count, by: Self.comparedUnitCount) {
      let end = min(a.count, start + Self.comparedUnitCount)
      let left = try bytes(a.lowerBound + start..<a.lowerBound + end)
      guard try left == bytes(b.lowerBound + start..<b.lowerBound + end) else { return false }
    }
    return true
  }
}
