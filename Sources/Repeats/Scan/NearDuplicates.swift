import Base
import Synchronization

/// Pairs of documents whose sets of shingles are similar.
///
/// Candidates have equal minima in a band of their signatures. The similarity of a pair is computed from the sets of
/// shingles, so that no pair below the threshold is reported.
package struct NearDuplicates: Sendable {
  package struct Pair: Sendable, Equatable {
    package var first: Int
    package var second: Int
    /// The number of common shingles over that of all.
    package var similarity: Double
  }

  /// Candidates in larger groups are compared only until they are known to be in one cluster.
  static let completeGroupCount = 256
  /// The number of candidates that are collected before they are verified.
  private static let candidateLimit = 1 << 17

  /// The pairs of documents that differ in their words, in order; each stands for the documents with the same words.
  package private(set) var pairs: [Pair] = []
  package private(set) var candidateCount = 0
  /// True if a group of candidates was so large that some of its pairs were not compared.
  package private(set) var isPartial = false
  private var parents: [UInt32]

  private let corpus: Corpus
  private let scheme: MinHashScheme
  private let threshold: Double

  init(
    _ corpus: Corpus, _ facts: DocumentFacts, _ scheme: MinHashScheme, threshold: Double,
    equal groups: [[Int]], parallel: Parallel
  ) throws {
    (self.corpus, self.scheme, self.threshold) = (corpus, scheme, threshold)
    parents = (0..<UInt32(corpus.documentCount)).map(\.self)
    // The first of several documents with the same words stands for all of them.
    for group in groups { for document in group.dropFirst() { join(group[0], document) } }
    let stands = parents
    var candidates: [UInt64] = []
    for band in 0..<scheme.bandCount {
      let records = try facts.band(band) { stands[$0] == UInt32($0) }
      try records.forEachGroup { range in
        guard range.count > 1 else { return }
        let members = range.map(records.value)
        if members.count <= Self.completeGroupCount {
          for (place, first) in members.enumerated() {
            for second in members[(place + 1)...] { candidates.append(Self.code(first, second)) }
            if candidates.count >= Self.candidateLimit { try verify(&candidates, parallel) }
          }
        } else {
          isPartial = true
          for second in members.dropFirst() where root(members[0]) != root(second) {
            candidates.append(Self.code(members[0], second))
            if candidates.count >= 64 { try verify(&candidates, parallel) }
          }
        }
      }
      try verify(&candidates, parallel)
    }
    pairs.sort { ($0.first, $0.second) < ($1.first, $1.second) }
  }

  private static func code(_ first: Int, _ second: Int) -> UInt64 {
    UInt64(first) << 32 | UInt64(second)
  }

  private var known: Set<UInt64> = []

  /// Computes the similarity of new candidates and removes them.
  private mutating func verify(_ candidates: inout [UInt64], _ parallel: Parallel) throws {
    sortKeys(&candidates)
    var fresh: [UInt64] = []
    for candidate in candidates where fresh.last != candidate && !known.contains(candidate) {
      fresh.append(candidate)
    }
    candidates.removeAll(keepingCapacity: true)
    candidateCount += fresh.count
    let step = 64
    let codes = fresh
    let (corpus, scheme) = (corpus, scheme)
    let results = Mutex<[Double]>([Double](repeating: 0, count: codes.count))
    try parallel.forEach(count: (codes.count + step - 1) / step, workspaceByteCount: 0) { part, _ in
      let sets = ShingleSets(corpus, scheme)
      for index in part * step..<min(codes.count, (part + 1) * step) {
        let (first, second) = (Int(codes[index] >> 32), Int(codes[index] & 0xFFFF_FFFF))
        let similarity = try sets.similarity(first, second)
        results.withLock { $0[index] = similarity }
      }
    }
    for (candidate, similarity) in zip(codes, results.withLock { $0 }) {
      // The memory for candidates below the threshold is bounded; one that is forgotten is compared again.
      let isFound = similarity >= threshold
      if isFound || known.count < 8 * Self.candidateLimit { known.insert(candidate) }
      guard isFound else { continue }
      let (first, second) = (Int(candidate >> 32), Int(candidate & 0xFFFF_FFFF))
      pairs.append(Pair(first: first, second: second, similarity: similarity))
      join(first, second)
    }
  }

  private func root(_ document: Int) -> Int {
    var place = document
    while Int(parents[place]) != place { place = Int(parents[place]) }
    return place
  }

  private mutating func join(_ a: Int, _ b: Int) {
    let (a, b) = (root(a), root(b))
    parents[max(a, b)] = UInt32(min(a, b))
  }

  /// The groups of documents that are connected by pairs or have the same words, ordered by their first documents.
  package func clusters() -> [[Int]] {
    var members: [Int: [Int]] = [:]
    for document in parents.indices { members[root(document), default: []].append(document) }
    return members.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
  }
}

/// The sets of shingles of documents.
final class ShingleSets {
  private let corpus: Corpus
  private let scheme: MinHashScheme
  private var last: (document: Int, shingles: [UInt64])?

  init(_ corpus: Corpus, _ scheme: MinHashScheme) { (self.corpus, self.scheme) = (corpus, scheme) }

  /// Returns the Jaccard similarity of two documents: the number of common shingles over that of all.
  /// - Complexity: O(*n* log *n*) for *n* words.
  func similarity(_ a: Int, _ b: Int) throws -> Double {
    if last?.document != a { last = (a, try set(a)) }
    let (left, right) = (last?.shingles ?? [], try set(b))
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
    let all = left.count + right.count - common
    return all == 0 ? 0 : Double(common) / Double(all)
  }

  private func set(_ document: Int) throws -> [UInt64] {
    let words = corpus.words(try corpus.bytes(corpus.range(of: document)))
    var shingles = RepeatKernels.best.runs(
      of: words, width: max(1, min(scheme.shingleLength, words.count)))
    shingles.sort()
    var distinct: [UInt64] = []
    for shingle in shingles where distinct.last != shingle { distinct.append(shingle) }
    return distinct
  }
}
