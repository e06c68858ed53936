package import Base

/// The settings of a scan.
package struct ScanSettings: Codable, Sendable, Equatable {
  /// The length of repeated ranges: bytes of text, or tokens; nil for 100 bytes or 50 tokens.
  package var rangeLength: Int?
  /// The number of tokens in a window of the histogram.
  package var window = 50
  package var threshold = 0.7
  package var shingle = 3
  package var seed: UInt64 = 0
  /// The largest number of documents in each list of groups, of pairs, and of ranges.
  package var limit = 1000

  package init() {}
}

/// The repeats in a corpus.
package struct RepeatScan: Sendable {
  package let corpus: Corpus
  package let settings: ScanSettings
  package let scheme: MinHashScheme
  /// The number of words of texts, or of tokens.
  package let tokenCount: Int
  /// Groups of documents with equal bytes.
  package let equalGroups: [[Int]]
  /// Groups of documents with equal words.
  package let wordGroups: [[Int]]
  package let near: NearDuplicates
  package let clusters: [[Int]]
  package let ranges: RepeatedRanges
  package let documents: RepeatHistogram
  package let windows: RepeatHistogram
  /// Equal paragraphs; nil for tokens.
  package let paragraphs: ParagraphRepeats?

  /// - Parameter memory: The limit of resident memory.
  /// - Throws: ``UsageError`` for settings out of range and if the memory is too little; ``FileError``.
  package init(
    _ corpus: Corpus, _ settings: ScanSettings, memory: Int, temporaryFolder: String,
    parallel: Parallel
  ) throws {
    try Self.check(settings)
    (self.corpus, self.settings) = (corpus, settings)
    let scheme = MinHashScheme(shingleLength: settings.shingle, seed: settings.seed)
    self.scheme = scheme
    let work = try ScanMemory(limit: memory).workByteCount(
      documentCount: corpus.documentCount, listLength: settings.limit)
    let jobs = max(1, min(parallel.jobs, work / 2 / CorpusPass.byteCountPerBatch))
    let parallel = Parallel(jobs: jobs, cancellation: parallel.cancellation)
    let waveCount = max(1, min(8 * jobs, work / 2 / CorpusPass.byteCountPerBatch))
    let pass = CorpusPass(corpus: corpus, parallel: parallel, waveCount: waveCount)
    let facts = try DocumentFacts(pass, scheme, temporaryFolder: temporaryFolder)
    tokenCount = facts.wordCounts.reduce(0, +)
    equalGroups = try DuplicateGroups.exact(corpus, facts)
    wordGroups = DuplicateGroups.normalized(facts)
    near = try NearDuplicates(
      corpus, facts, scheme, threshold: settings.threshold, equal: wordGroups,
      pairLimit: settings.limit, memory: work / 2, parallel: parallel)
    clusters = near.clusters()
    documents = RepeatHistogram.documents(facts, equalGroups)
    windows = try WindowCounter(pass: pass, length: settings.window, memory: work / 2)
      .histogram(facts)
    paragraphs =
      corpus.unit == .byte
      ? try ParagraphRepeats(pass, limit: settings.limit, memory: work / 2) : nil
    ranges = try RepeatedRanges(
      corpus, length: settings.rangeLength ?? (corpus.unit == .byte ? 100 : 50), memory: work / 2,
      parallel: parallel)
  }

  /// The largest number of entries in a list.
  private static let listLimit = 1 << 32

  static func check(_ settings: ScanSettings) throws {
    var faults: [UsageError] = []
    func require(_ isValid: Bool, _ text: Message) {
      if !isValid { faults.append(UsageError(text)) }
    }
    require(
      (0.4...1).contains(settings.threshold),
      "\(setting: "threshold") is \(settings.threshold), expected 0.4 to 1")
    require(
      (1...64).contains(settings.shingle),
      "\(setting: "shingle") is \(settings.shingle), expected 1 to 64")
    require(
      (1...4096).contains(settings.window),
      "\(setting: "window") is \(settings.window), expected 1 to 4096")
    require(
      settings.rangeLength.map { (4...1 << 16).contains($0) } ?? true,
      "\(setting: "length") is \(settings.rangeLength ?? 0), expected 4 to 65536")
    require(
      (0...listLimit).contains(settings.limit),
      "\(setting: "limit") is \(settings.limit), expected 0 to \(listLimit)")
    try SeveralErrors.throwIfAny(faults)
  }
}
