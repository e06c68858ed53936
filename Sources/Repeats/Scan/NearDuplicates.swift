import Base
import Synchronization

/// Pairs of documents whose sets of shingles are similar, within bounded memory.
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
  /// The same in a large group, in which a pair that is found makes others superfluous.
  private static let largeGroupCandidateLimit = 64

  /// The first pairs of documents that differ in their words, in order; each stands for the documents with the same words.
  package private(set) var pairs: [Pair] = []
  /// The number of all pairs, with a pair for each two documents that one stands for.
  package private(set) var pairCount = 0
  package private(set) var candidateCount = 0
  /// True if a group of candidates was so large that some of its pairs were not compared.
  package var isPartial: Bool { largeKeys.contains { !$0.isEmpty } }

  private var parents: [UInt32]
  /// The number of documents with the same words, for the first of them.
  private var weights: [UInt32]
  /// The keys of the groups in each band that are too large to be compared completely.
  private var largeKeys: [Set<UInt64>]

  private let corpus: Corpus
  private let scheme: MinHashScheme
  private let threshold: Double
  private let pairLimit: Int
  private let shingleLimit: Int
  private let parallel: Parallel

  /// - Parameters:
  ///   - groups: The documents with the same words.
  ///   - pairLimit: The number of pairs that are kept.
  ///   - memory: The number of bytes for the sets of shingles.
  init(
    _ corpus: Corpus, _ facts: DocumentFacts, _ scheme: MinHashScheme, threshold: Double,
    equal groups: [[Int]], pairLimit: Int, memory: Int, parallel: Parallel
  ) throws {
    (self.corpus, self.scheme, self.threshold) = (corpus, scheme, threshold)
    (self.pairLimit, self.parallel) = (pairLimit, parallel)
    shingleLimit = max(1 << 13, memory / parallel.jobs / ShingleSets.byteCountPerShingle)
    largeKeys = [Set<UInt64>](repeating: [], count: scheme.bandCount)
    parents = (0..<UInt32(corpus.documentCount)).map(\.self)
    weights = [UInt32](repeating: 1, count: corpus.documentCount)
    // The first of several documents with the same words stands for all of them.
    for group in groups {
      weights[group[0]] = UInt32(group.count)
      for document in group.dropFirst() { parents[document] = UInt32(group[0]) }
    }
    let stands = parents
    func records(_ band: Int) throws -> HashRecords {
      try parallel.cancellation.check()
      return try facts.band(band) { stands[$0] == UInt32($0) }
    }
    for band in 0..<scheme.bandCount { try compareSmallGroups(records(band), band, facts) }
    for band in 0..<scheme.bandCount where !largeKeys[band].isEmpty {
      try compareLargeGroups(records(band), facts)
    }
    keepFirstPairs()
    flatten()
  }

  // MARK: Candidates

  /// Compares all pairs of the groups of a band that are not large, except those that an earlier band has too.
  private mutating func compareSmallGroups(
    _ records: HashRecords, _ band: Int, _ facts: DocumentFacts
  ) throws {
    var candidates: [UInt64] = []
    try records.forEachGroup { range in
      guard range.count > 1 else { return }
      guard range.count <= Self.completeGroupCount else {
        largeKeys[band].insert(records.key(at: range.lowerBound))
        return
      }
      let members = range.map(records.value)
      let rows: [[UInt64]] =
        band == 0 ? members.map { _ in [] } : try members.map(facts.row)
      for (place, first) in members.enumerated() {
        for other in (place + 1)..<max(place + 1, members.count)
        where !wereCompared(rows[place].prefix(band), rows[other].prefix(band)) {
          candidates.append(Self.code(first, members[other]))
        }
        if candidates.count >= Self.candidateLimit { try verify(&candidates, facts) }
      }
    }
    try verify(&candidates, facts)
  }

  /// Compares the first document of each large group of a band with the others, until they are in one cluster.
  private mutating func compareLargeGroups(_ records: HashRecords, _ facts: DocumentFacts) throws {
    var candidates: [UInt64] = []
    try records.forEachGroup { range in
      guard range.count > Self.completeGroupCount else { return }
      let first = records.value(at: range.lowerBound)
      let row = try facts.row(of: first)[...]
      for index in range.dropFirst() {
        let second = records.value(at: index)
        guard root(first) != root(second) else { continue }
        if wereCompared(row, try facts.row(of: second)[...]) { continue }
        candidates.append(Self.code(first, second))
        if candidates.count >= Self.largeGroupCandidateLimit { try verify(&candidates, facts) }
      }
    }
    try verify(&candidates, facts)
  }

  /// Returns true if two documents, by their keys in bands from the first on, are in one group that is not large.
  private func wereCompared(_ a: ArraySlice<UInt64>, _ b: ArraySlice<UInt64>) -> Bool {
    a.indices.contains { a[$0] == b[$0] && !largeKeys[$0].contains(a[$0]) }
  }

  private static func code(_ first: Int, _ second: Int) -> UInt64 {
    UInt64(first) << 32 | UInt64(second)
  }

  /// Computes the similarity of candidates and removes them.
  private mutating func verify(_ candidates: inout [UInt64], _ facts: DocumentFacts) throws {
    let codes = candidates
    candidates.removeAll(keepingCapacity: true)
    candidateCount += codes.count
    let step = 64
    let (corpus, scheme, limit, wordCounts) = (corpus, scheme, shingleLimit, facts.wordCounts)
    let results = Mutex<[Double]>([Double](repeating: 0, count: codes.count))
    try parallel.forEach(count: (codes.count + step - 1) / step, workspaceByteCount: 0) { part, _ in
      let sets = ShingleSets(corpus, scheme, wordCounts: wordCounts, limit: limit)
      for index in part * step..<min(codes.count, (part + 1) * step) {
        let (first, second) = (Int(codes[index] >> 32), Int(codes[index] & 0xFFFF_FFFF))
        let similarity = try sets.similarity(first, second)
        results.withLock { $0[index] = similarity }
      }
    }
    for (candidate, similarity) in zip(codes, results.withLock { $0 }) where similarity >= threshold
    {
      let (first, second) = (Int(candidate >> 32), Int(candidate & 0xFFFF_FFFF))
      pairCount += Int(weights[first]) * Int(weights[second])
      pairs.append(Pair(first: first, second: second, similarity: similarity))
      if pairs.count >= 2 * pairLimit + 1024 { keepFirstPairs() }
      join(first, second)
    }
  }

  private mutating func keepFirstPairs() {
    pairs.sort { ($0.first, $0.second) < ($1.first, $1.second) }
    pairs.removeLast(max(0, pairs.count - pairLimit))
  }

  // MARK: Clusters

  /// Returns the first document of the cluster of a document, as far as it is known.
  private mutating func root(_ document: Int) -> Int {
    var place = document
    while Int(parents[place]) != place {
      parents[place] = parents[Int(parents[place])]
      place = Int(parents[place])
    }
    return place
  }

  private mutating func join(_ a: Int, _ b: Int) {
    let (a, b) = (root(a), root(b))
    parents[max(a, b)] = UInt32(min(a, b))
  }

  /// Replaces all parents by roots.
  private mutating func flatten() {
    // A parent is never larger than its document.
    for document in parents.indices { parents[document] = parents[Int(parents[document])] }
  }

  /// The groups of documents that are connected by pairs or have the same words, ordered by their first documents.
  package func clusters() -> [[Int]] { DuplicateGroups.groups(parents) }
}
