import Base

/// Counts the windows of documents.
struct WindowCounter {
  let pass: CorpusPass
  /// The number of words or tokens in a window.
  let length: Int
  /// The number of bytes for the hashes.
  let memory: Int

  /// Returns the histogram of all windows inside documents, compared by 64-bit hashes.
  ///
  /// If the different hashes do not fit into memory, the documents are read several times, for a part of the hashes each
  /// time.
  func histogram(_ facts: DocumentFacts) throws -> RepeatHistogram {
    let total = facts.wordCounts.reduce(0) { $0 + max(0, $1 - length + 1) }
    var counts: [Int: Int] = [:]
    var parts = HashPart.parts(1)
    while let part = parts.popLast() {
      do {
        var counter = try count(part)
        counter.forEachCount { counts[$0, default: 0] += 1 }
      } catch let overflow as Overflow {
        // Parts differ in size.
        let ratio = (total + total / 4) / max(1, overflow.windowCount)
        parts += try part.divided(into: UInt64(min(64, max(2, ratio))))
      }
    }
    return RepeatHistogram(
      entries: counts.map {
        RepeatHistogram.Entry(times: $0.key, distinct: $0.value, tokens: $0.key * $0.value)
      }.sorted { $0.times < $1.times })
  }

  /// Returns the counts of a part of the hashes.
  /// - Throws: ``Overflow`` if they do not fit into memory.
  private func count(_ part: HashPart) throws -> HashCounter {
    var counter = HashCounter(memory: memory)
    var tail: [UInt64] = []
    var windowCount = 0
    let (corpus, length) = (pass.corpus, length)
    try pass.run { batch in
      batch.pieces.map { piece in
        let words = corpus.words(Array(batch.bytes[piece.bytes]))
        let runs = RepeatKernels.best.runs(of: words, width: length)
        return WindowFacts(
          piece: piece, head: Array(words.prefix(length - 1)),
          tail: Array(words.suffix(length - 1)), windowCount: runs.count,
          hashes: runs.filter(part.contains))
      }
    } _: { pieces in
      for facts in pieces {
        var hashes = facts.hashes
        if facts.piece.isFirst { tail = [] }
        if !tail.isEmpty {
          hashes += RepeatKernels.best.runs(of: tail + facts.head, width: length)
            .filter(part.contains)
        }
        windowCount += facts.windowCount
        guard counter.add(hashes) else { throw Overflow(windowCount: windowCount) }
        tail = Array((tail + facts.tail).suffix(length - 1))
      }
    }
    return counter
  }

  /// The hashes of the first windows do not fit into memory.
  private struct Overflow: Error {
    var windowCount: Int
  }

  private struct WindowFacts: Sendable {
    var piece: CorpusPass.Piece
    var head: [UInt64]
    var tail: [UInt64]
    var windowCount: Int
    var hashes: [UInt64]
  }
}
