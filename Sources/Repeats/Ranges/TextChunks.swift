import Base
import Synchronization

/// The chunks in which the joined documents are read for runs of a length. Each run starts in one chunk.
struct TextChunks: Sendable {
  let corpus: Corpus
  let length: Int
  let parallel: Parallel
  /// The number of bytes for the results of chunks that are worked on side by side.
  let memory: Int

  private static let byteCount = 1 << 18

  /// The length of an inner run, whose hash stands for the run if it is the smallest of those in the run.
  var innerLength: Int { (length + 1) / 2 }
  /// The number of inner runs in a run.
  var window: Int { length - innerLength + 1 }
  /// The number of runs that start in a chunk.
  var runCount: Int { Self.byteCount / corpus.unit.byteCount }

  private var count: Int {
    corpus.unitCount < length ? 0 : (corpus.unitCount - length) / runCount + 1
  }

  /// Calls `work` for each chunk on some thread, and `take` with the results in order.
  /// - Parameters:
  ///   - start: The place in the first chunk.
  ///   - byteCount: The memory for the result of a chunk.
  func forEach<Result: Sendable>(
    from start: Int = 0, byteCount: Int, _ work: @Sendable (Chunk) throws -> Result,
    _ take: (Result) throws -> Void
  ) throws {
    let wave = max(1, min(8 * parallel.jobs, memory / byteCount))
    for first in stride(from: start / runCount, to: count, by: wave) {
      let number = min(wave, count - first)
      let results = Mutex<[Result?]>([Result?](repeating: nil, count: number))
      try parallel.forEach(count: number, workspaceByteCount: 0) { index, _ in
        let result = try work(Chunk(self, (first + index) * runCount))
        results.withLock { $0[index] = result }
      }
      for case let result? in results.withLock({ $0 }) { try take(result) }
    }
  }

  /// A part of the text with the hashes of its inner runs.
  struct Chunk {
    /// The place of the chunk in the joined documents.
    let start: Int
    /// The hashes of the inner runs.
    let hashes: [UInt64]
    /// The places of the smallest hashes in the runs, from the start of the chunk on.
    let minima: [UInt32]
    private let chunks: TextChunks
    private let units: [UInt64]

    fileprivate init(_ chunks: TextChunks, _ start: Int) throws {
      (self.chunks, self.start) = (chunks, start)
      let corpus = chunks.corpus
      let bytes = try corpus.bytes(
        start..<min(corpus.unitCount, start + chunks.runCount + chunks.length - 1))
      units =
        switch corpus.unit {
        case .byte: RepeatKernels.best.bytes(bytes.rawSpan)
        case .token: RepeatKernels.best.tokens(bytes.rawSpan)
        }
      hashes = RepeatKernels.best.runs(of: units, width: chunks.innerLength)
      minima = RepeatKernels.minima(of: hashes, window: chunks.window)
    }

    /// Returns the runs with an inner run that has one of the hashes: their hashes and places in the joined documents.
    func runs(around frequent: Set<UInt64>) -> HashRecords {
      var records = HashRecords()
      let places = minima.lazy.map { Int($0) }.filter { frequent.contains(hashes[$0]) }
      guard !places.isEmpty else { return records }
      let runs = RepeatKernels.best.runs(of: units, width: chunks.length)
      let count = min(chunks.runCount, runs.count)
      var next = 0
      for place in places {
        let first = max(next, place - chunks.window + 1)
        next = max(next, min(place + 1, count))
        for run in first..<max(first, next) { records.append(key: runs[run], value: start + run) }
      }
      return records
    }
  }
}
