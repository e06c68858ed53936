import Base
import Synchronization

/// The first places in a corpus at which runs of units occur that are known by one of their places.
struct FirstPlaces {
  /// A run, and the first place that is known of it.
  private var places: [Int]

  subscript(run: Int) -> Int { places[run] }

  /// - Parameter starts: Any place of each run, in ascending order.
  /// - Complexity: O(*n*) time for *n* units, and one comparison for each place with the hash of a run.
  init(_ starts: [Int], length: Int, pass: CorpusPass) throws {
    places = starts
    let (corpus, step) = (pass.corpus, CorpusPass.batchByteCount / pass.corpus.unit.byteCount)
    var runs: [UInt64: [Int]] = [:]
    // One bit for each of many values of a hash, so that most places need no search.
    var marks = [UInt64](repeating: 0, count: Self.markCount / 64)
    for (run, start) in starts.enumerated() {
      guard let hash = try Self.hashes(start..<start + length, corpus, length).first else {
        continue
      }
      runs[hash, default: []].append(run)
      let mark = Self.mark(hash)
      marks[mark >> 6] |= 1 << UInt64(mark & 63)
    }
    let (total, known) = (corpus.unitCount, runs)
    let chunkCount = total < length ? 0 : (total - length) / step + 1
    for first in stride(from: 0, to: chunkCount, by: pass.waveCount) {
      let count = min(pass.waveCount, chunkCount - first)
      let results = Mutex([[(hash: UInt64, place: Int)]](repeating: [], count: count))
      let bits = marks
      try pass.parallel.forEach(count: count, workspaceByteCount: 0) { index, _ in
        let start = (first + index) * step
        let range = start..<min(total, start + step + length - 1)
        var found: [(hash: UInt64, place: Int)] = []
        for (offset, hash) in try Self.hashes(range, corpus, length).enumerated() {
          let mark = Self.mark(hash)
          if bits[mark >> 6] >> UInt64(mark & 63) & 1 == 1, known[hash] != nil {
            found.append((hash, start + offset))
          }
        }
        results.withLock { $0[index] = found }
      }
      for (hash, place) in results.withLock({ $0 }).joined() {
        for run in known[hash] ?? [] where place < places[run] {
          let here = place..<place + length
          if try corpus.areEqual(here, starts[run]..<starts[run] + length) { places[run] = place }
        }
      }
    }
  }

  private static let markCount = 1 << 22

  private static func mark(_ hash: UInt64) -> Int {
    Int(truncatingIfNeeded: hash >> 20) & (markCount - 1)
  }

  private static func hashes(
    _ range: Range<Int>, _ corpus: Corpus, _ length: Int
  ) throws -> [UInt64] {
    let bytes = try corpus.bytes(range)
    let units =
      switch corpus.unit {
      case .byte: RepeatKernels.best.bytes(bytes.rawSpan)
      case .token: RepeatKernels.best.tokens(bytes.rawSpan)
      }
    return RepeatKernels.best.runs(of: units, width: length)
  }
}
