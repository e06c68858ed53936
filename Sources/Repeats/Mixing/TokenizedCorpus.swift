package import Base
import Synchronization
import TokenData
package import Tokenizers

/// The tokens of the documents of texts.
package enum TokenizedCorpus {
  /// The bytes of the texts that are tokenized by one worker at a time.
  private static let batchByteCount = 1 << 20
  /// The memory that tokenizing needs for each byte of a text.
  private static let memoryPerByte = 40

  /// Returns the tokens of each document, with the special tokens that the tokenizer adds.
  /// - Parameters:
  ///   - separator: The id that is put after each document.
  ///   - memory: The limit of resident memory.
  /// - Throws: ``UsageError`` if a document is too long for the memory; ``FormatError`` if the vocabulary has no token for
  ///   a part of a text.
  package static func tokens(
    of corpus: Corpus, _ tokenizer: Tokenizer, separator: Int32?, memory: Int,
    temporaryFolder: String, parallel: Parallel
  ) throws -> Corpus {
    let limits = ScanMemory(limit: memory)
    let work = try limits.workByteCount(documentCount: corpus.documentCount)
    let textLimit = min(TextTokenReader.textByteLimit, work / memoryPerByte)
    let builder = try CorpusBuilder(
      in: temporaryFolder, memory: limits, cancellation: parallel.cancellation)
    let source = corpus.sources[0]
    try builder.begin(source.path, .token, source.origin)
    var next = 0
    while next < corpus.documentCount {
      var batches: [Range<Int>] = []
      var byteCount = 0
      while next < corpus.documentCount, batches.count < parallel.jobs, byteCount < textLimit {
        let batch = try batch(
          from: next, of: corpus, limit: textLimit - byteCount, largest: textLimit)
        guard let batch else { break }
        batches.append(batch)
        byteCount += batch.reduce(0) { $0 + corpus.range(of: $1).count }
        next = batch.upperBound
      }
      let (wave, count) = (batches, batches.count)
      let results = Mutex<[[[Int32]]]>([[[Int32]]](repeating: [], count: count))
      try parallel.forEach(count: count, workspaceByteCount: 0) { index, _ in
        var encoder = TokenEncoder(tokenizer)
        let ids = try wave[index].map { document in
          let text = String(decoding: try corpus.bytes(corpus.range(of: document)), as: UTF8.self)
          return try encoder.encode(text, addSpecialTokens: true)
        }
        results.withLock { $0[index] = ids }
      }
      for ids in results.withLock({ $0 }).joined() {
        try builder.append(ids: ids)
        if let separator { try builder.append(ids: [separator]) }
        try builder.end(.number)
      }
    }
    return try builder.finished()
  }

  /// Returns the next documents that are tokenized together; nil if they do not fit into the limit now.
  private static func batch(
    from first: Int, of corpus: Corpus, limit: Int, largest: Int
  ) throws -> Range<Int>? {
    let count = corpus.range(of: first).count
    guard count <= largest else {
      throw UsageError(
        "\(try corpus.label(of: first).printable) has \(ByteSize(count)), which is too much for a text that is tokenized at once",
        hint: "divide it, or pass a larger \(setting: "memory")")
    }
    guard count <= limit else { return nil }
    var (end, byteCount) = (first + 1, count)
    while end < corpus.documentCount {
      byteCount += corpus.range(of: end).count
      guard byteCount <= min(limit, batchByteCount) else { break }
      end += 1
    }
    return first..<end
  }
}
