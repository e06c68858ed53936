import Base
import Synchronization
import TensorCore

/// The sequences of one length into which tokens are cut. What is left at the end of a document, or of all documents if they
/// are packed, is in none.
struct TokenSequences: Sendable {
  let corpus: Corpus
  let length: Int
  /// The number of sequences in the documents before each document, and in all; nil if documents are packed.
  private let counts: [Int]?
  let count: Int

  /// - Parameter isPacked: True if sequences may cross the ends of documents.
  init(_ corpus: Corpus, length: Int, isPacked: Bool) {
    (self.corpus, self.length) = (corpus, length)
    guard !isPacked else {
      (counts, count) = (nil, corpus.unitCount / length)
      return
    }
    var counts = [0]
    counts.reserveCapacity(corpus.documentCount + 1)
    for document in 0..<corpus.documentCount {
      counts.append(counts[document] + corpus.range(of: document).count / length)
    }
    (self.counts, count) = (counts, counts[corpus.documentCount])
  }

  /// The number of tokens that are in no sequence.
  var leftOverCount: Int { corpus.unitCount - count * length }

  /// Returns the place of a sequence in the joined documents.
  func range(of sequence: Int) -> Range<Int> {
    var start = sequence * length
    if let counts {
      // Finds the last document with no more sequences before it.
      var (low, high) = (0, counts.count - 1)
      while high - low > 1 {
        let middle = (low + high) / 2
        if counts[middle] <= sequence { low = middle } else { high = middle }
      }
      start = corpus.range(of: low).lowerBound + (sequence - counts[low]) * length
    }
    return start..<start + length
  }

  /// Returns true for each sequence that is equal to an earlier one. Equal hashes are verified with the tokens.
  /// - Complexity: O(*n*) time for *n* tokens; 33 bytes of memory for each sequence.
  func repeats(_ parallel: Parallel) throws -> [Bool] {
    var records = HashRecords()
    let step = 256
    let wave = 64 * parallel.jobs
    for first in stride(from: 0, to: count, by: wave * step) {
      let parts = (min(count, first + wave * step) - first + step - 1) / step
      let results = Mutex<[[UInt64]]>([[UInt64]](repeating: [], count: parts))
      try parallel.forEach(count: parts, workspaceByteCount: 0) { part, _ in
        let start = first + part * step
        let hashes = try (start..<min(count, start + step)).map {
          let bytes = try corpus.bytes(range(of: $0))
          return Kernels.xxh64(bytes.rawSpan)
        }
        results.withLock { $0[part] = hashes }
      }
      for hash in results.withLock({ $0 }).joined() {
        records.append(key: hash, value: records.count)
      }
    }
    records.sort()
    var isRepeat = [Bool](repeating: false, count: count)
    try records.forEachGroup { group in
      guard group.count > 1 else { return }
      var firsts: [Range<Int>] = []
      for index in group {
        let place = range(of: records.value(at: index))
        if try firsts.contains(where: { try corpus.areEqual($0, place) }) {
          isRepeat[records.value(at: index)] = true
        } else {
          firsts.append(place)
        }
      }
    }
    return isRepeat
  }
}
