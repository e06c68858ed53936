/// The sets of shingles of documents, within bounded memory.
package final class ShingleSets {
  private let corpus: Corpus
  private let scheme: MinHashScheme
  private let wordCounts: [Int]
  private let limit: Int
  private var last: (document: Int, shingles: [UInt64])?

  /// The memory for each shingle up to the limit: the sets of two documents are held at a time.
  static let byteCountPerShingle = 2 * DistinctHashes.byteCountPerHash

  /// - Parameters:
  ///   - wordCounts: The number of words of each document.
  ///   - limit: The number of different shingles of a document that are held at a time.
  package init(_ corpus: Corpus, _ scheme: MinHashScheme, wordCounts: [Int], limit: Int) {
    (self.corpus, self.scheme) = (corpus, scheme)
    (self.wordCounts, self.limit) = (wordCounts, limit)
  }

  /// Returns the Jaccard similarity of two documents: the number of common shingles over that of all.
  ///
  /// If the sets do not fit into memory, both documents are read several times, for a part of the shingles each time.
  /// - Complexity: O(*n* log *n*) for *n* words that fit into memory.
  package func similarity(_ a: Int, _ b: Int) throws -> Double {
    var parts = HashPart.parts(max(wordCounts[a], wordCounts[b]) / limit)
    var (common, all) = (0, 0)
    while let part = parts.popLast() {
      guard let left = try set(a, part), let right = try set(b, part) else {
        parts += try part.divided()
        continue
      }
      last = part.count == 1 ? (a, left) : nil
      let count = Self.commonCount(left, right)
      common += count
      all += left.count + right.count - count
    }
    return all == 0 ? 0 : Double(common) / Double(all)
  }

  private static func commonCount(_ left: [UInt64], _ right: [UInt64]) -> Int {
    var (i, j, common) = (0, 0, 0)
    while i < left.count, j < right.count {
      if left[i] == right[j] {
        common += 1
        i += 1
        j += 1
      } else if left[i] < right[j] {
        i += 1
      } else {
        j += 1
      }
    }
    return common
  }

  /// Returns a part of the shingles of a document in ascending order; nil if they do not fit into memory.
  private func set(_ document: Int, _ part: HashPart) throws -> [UInt64]? {
    if part.count == 1, let last, last.document == document { return last.shingles }
    let length = max(1, min(scheme.shingleLength, wordCounts[document]))
    let range = corpus.range(of: document)
    var shingles = DistinctHashes(limit: limit)
    var (start, tail) = (range.lowerBound, [UInt64]())
    while start < range.upperBound {
      let bytes = try CorpusPass.part(of: range, from: start, corpus)
      start += bytes.count / corpus.unit.byteCount
      let words = tail + corpus.words(bytes)
      let found = RepeatKernels.best.runs(of: words, width: length)
      guard shingles.add(part.count == 1 ? found : found.filter(part.contains)) else { return nil }
      tail = Array(words.suffix(length - 1))
    }
    shingles.collapse()
    return shingles.hashes
  }
}
