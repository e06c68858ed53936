import Base

/// A part of all hashes: those whose upper half has the remainder `number` when it is divided by `count`.
struct HashPart: Sendable {
  var number: UInt64
  var count: UInt64

  /// The largest number of parts that hashes are divided into.
  private static let maximumCount: UInt64 = 1 << 30

  static func parts(_ count: Int) -> [HashPart] {
    (0..<UInt64(max(1, count))).map { HashPart(number: $0, count: UInt64(max(1, count))) }
  }

  func contains(_ hash: UInt64) -> Bool { (hash >> 32) % count == number }

  /// Returns parts that have the hashes of this one.
  /// - Throws: ``UsageError`` if there would be too many.
  func divided(into parts: UInt64 = 2) throws(UsageError) -> [HashPart] {
    guard count * parts <= Self.maximumCount else {
      throw UsageError(
        "\(setting: "memory") is too little for the hashes of the inputs",
        hint: "pass a larger \(setting: "memory")")
    }
    return (0..<parts).map { HashPart(number: number + $0 * count, count: count * parts) }
  }
}

/// The numbers of times that hashes occur, within bounded memory: equal hashes take the room of one.
struct HashCounter {
  /// Hashes that were not counted yet.
  private var pending: [UInt64] = []
  /// The hashes in ascending order with their counts.
  private var counted = HashRecords()
  private let pendingLimit: Int
  private let countedLimit: Int

  /// - Parameter memory: The number of bytes for the hashes.
  init(memory: Int) {
    // Sorting and merging need as much memory again as the hashes.
    pendingLimit = max(1 << 13, memory / 4 / 16)
    countedLimit = max(1 << 13, memory / 2 / HashRecords.byteCountPerRecord)
  }

  /// The number of different hashes that fit into the memory.
  static func capacity(memory: Int) -> Int { HashCounter(memory: memory).countedLimit }

  /// Returns false if there are more different hashes than fit into memory.
  mutating func add(_ hashes: [UInt64]) -> Bool {
    pending += hashes
    guard pending.count >= pendingLimit else { return true }
    collapse()
    return counted.count <= countedLimit
  }

  /// Calls `body` with the number of times that each hash occurs.
  mutating func forEachCount(_ body: (Int) -> Void) {
    collapse()
    for index in 0..<counted.count { body(counted.value(at: index)) }
  }

  private mutating func collapse() {
    sortKeys(&pending)
    var merged = HashRecords()
    var (next, start) = (0, 0)
    while start < pending.count {
      let hash = pending[start]
      var end = start + 1
      while end < pending.count, pending[end] == hash { end += 1 }
      while next < counted.count, counted.key(at: next) < hash {
        merged.append(key: counted.key(at: next), value: counted.value(at: next))
        next += 1
      }
      var count = end - start
      if next < counted.count, counted.key(at: next) == hash {
        count += counted.value(at: next)
        next += 1
      }
      merged.append(key: hash, value: count)
      start = end
    }
    while next < counted.count {
      merged.append(key: counted.key(at: next), value: counted.value(at: next))
      next += 1
    }
    counted = merged
    pending.removeAll(keepingCapacity: true)
  }
}

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
    // Parts differ in size.
    var parts = HashPart.parts((total + total / 4) / HashCounter.capacity(memory: memory))
    while let part = parts.popLast() {
      guard var counter = try count(part) else {
        parts += try part.divided()
        continue
      }
      counter.forEachCount { counts[$0, default: 0] += 1 }
    }
    return RepeatHistogram(
      entries: counts.map {
        RepeatHistogram.Entry(times: $0.key, distinct: $0.value, tokens: $0.key * $0.value)
      }.sorted { $0.times < $1.times })
  }

  /// Counts a part of the hashes; returns nil if they do not fit into memory.
  private func count(_ part: HashPart) throws -> HashCounter? {
    var counter = HashCounter(memory: memory)
    var tail: [UInt64] = []
    let (corpus, length) = (pass.corpus, length)
    do {
      try pass.run { batch in
        batch.pieces.map { piece in
          let words = corpus.words(Array(batch.bytes[piece.bytes]))
          let runs = RepeatKernels.best.runs(of: words, width: length)
          return WindowFacts(
            piece: piece, head: Array(words.prefix(length - 1)),
            tail: Array(words.suffix(length - 1)), hashes: runs.filter(part.contains))
        }
      } _: { pieces in
        for facts in pieces {
          var hashes = facts.hashes
          if facts.piece.isFirst { tail = [] }
          if !tail.isEmpty {
            hashes += RepeatKernels.best.runs(of: tail + facts.head, width: length)
              .filter(part.contains)
          }
          guard counter.add(hashes) else { throw Overflow() }
          tail = Array((tail + facts.tail).suffix(length - 1))
        }
      }
    } catch is Overflow {
      return nil
    }
    return counter
  }

  private struct Overflow: Error {}

  private struct WindowFacts: Sendable {
    var piece: CorpusPass.Piece
    var head: [UInt64]
    var tail: [UInt64]
    var hashes: [UInt64]
  }
}
