package import Base
import Synchronization

/// The parts of the joined documents whose runs of `length` units occur more than once.
///
/// The result is exact for texts of any size, within bounded memory. Of each run, the place of the smallest hash of its
/// inner runs of about `length / 2` units is taken (winnowing: Schleimer, Wilkerson, Aiken, SIGMOD 2003). Equal runs have
/// equal hashes at equal places in them, so that a run which occurs twice is near a place whose hash occurs twice. The
/// text around such places is compared by suffix arrays, in pieces that contain all places with the same hash. If the
/// places do not fit into memory, the text is read several times, for a part of the hashes each time.
package struct RepeatedRanges: Sendable {
  package let length: Int
  /// The places at which a run starts that occurs at another place too.
  package private(set) var starts = PositionSet()
  /// The places at which a run starts that occurs before too.
  package private(set) var laterStarts = PositionSet()
  /// The number of units that were compared by suffix arrays.
  package private(set) var comparedCount = 0
  /// The number of times that the text was read.
  package private(set) var readingCount = 0

  private let corpus: Corpus
  private let parallel: Parallel
  private let placeCapacity: Int
  private let textLimit: Int

  private static let chunkByteCount = 1 << 18
  private static let placeBits = 40
  private static let spanLimit = 1 << 24

  /// - Parameter memory: The number of bytes for the work.
  package init(_ corpus: Corpus, length: Int, memory: Int, parallel: Parallel) throws {
    guard length >= 4 else {
      throw UsageError("\(setting: "length") is \(length), expected 4 or more")
    }
    guard corpus.unitCount < 1 << Self.placeBits else {
      throw UsageError("the inputs have more than 2^\(Self.placeBits) units; scan them in parts")
    }
    (self.corpus, self.length, self.parallel) = (corpus, length, parallel)
    placeCapacity = max(1 << 14, memory / 2 / HashRecords.byteCountPerRecord)
    textLimit = min(
      1 << 28, max(1 << 16, memory / 2 / SuffixArray.byteCountPerSymbol / parallel.jobs))
    // Runs of text have a place in about 2 / (window + 1) positions.
    var partCount = 1 + 3 * (corpus.unitCount / (length / 2 + 2)) / placeCapacity
    var part = 0
    while part < partCount {
      guard let places = try places(part, of: partCount) else {
        guard partCount < 1 << 16 else {
          throw UsageError(
            "\(setting: "memory") is too little to find repeated ranges",
            hint: "pass a larger \(setting: "memory")")
        }
        (part, partCount) = (0, 2 * partCount)
        (starts, laterStarts) = (PositionSet(), PositionSet())
        continue
      }
      try compare(places)
      part += 1
    }
    starts.normalize()
    laterStarts.normalize()
  }

  /// The parts that are covered by runs which occur more than once. A part as a whole may occur once.
  package var covered: PositionSet { starts.covered(by: length) }
  /// The parts that are covered by runs which occur before.
  package var laterCovered: PositionSet { laterStarts.covered(by: length) }

  // MARK: Places

  private var innerLength: Int { (length + 1) / 2 }

  /// Returns the places of a part of the hashes, sorted by these; nil if there are too many for the memory.
  private mutating func places(_ part: Int, of partCount: Int) throws -> HashRecords? {
    readingCount += 1
    var places = HashRecords()
    let step = Self.chunkByteCount / corpus.unit.byteCount
    let total = corpus.unitCount
    let chunkCount = total < length ? 0 : (total - length) / step + 1
    let wave = 8 * parallel.jobs
    let (corpus, length, innerLength) = (corpus, length, innerLength)
    for first in stride(from: 0, to: chunkCount, by: wave) {
      let count = min(wave, chunkCount - first)
      let results = Mutex([HashRecords](repeating: HashRecords(), count: count))
      try parallel.forEach(count: count, workspaceByteCount: 0) { index, _ in
        let start = (first + index) * step
        let range = start..<min(total, start + step + length - 1)
        let found = try Self.places(
          in: range, corpus, innerLength: innerLength, window: length - innerLength + 1,
          part: UInt64(part), of: UInt64(partCount))
        results.withLock { $0[index] = found }
      }
      for found in results.withLock({ $0 }) { places.append(contentsOf: found) }
      if places.count > placeCapacity { return nil }
    }
    places.sort()
    return places
  }

  private static func places(
    in range: Range<Int>, _ corpus: Corpus, innerLength: Int, window: Int, part: UInt64,
    of partCount: UInt64
  ) throws -> HashRecords {
    let bytes = try corpus.bytes(range)
    let units =
      switch corpus.unit {
      case .byte: RepeatKernels.best.bytes(bytes.rawSpan)
      case .token: RepeatKernels.best.tokens(bytes.rawSpan)
      }
    let hashes = RepeatKernels.best.runs(of: units, width: innerLength)
    var records = HashRecords()
    var last: (hash: UInt64, first: Int, last: Int)?
    func store() {
      guard let last, (last.hash >> 32) % partCount == part else { return }
      records.append(
        key: last.hash,
        value: (last.last - last.first) << placeBits | (range.lowerBound + last.first))
    }
    for place in RepeatKernels.minima(of: hashes, window: window) {
      let (place, hash) = (Int(place), hashes[Int(place)])
      // Neighbors with the same hash, as in a row of equal units, take one record.
      if let before = last, before.hash == hash, place - before.last <= window,
        place - before.first < spanLimit
      {
        last = (hash, before.first, place)
      } else {
        store()
        last = (hash, place, place)
      }
    }
    store()
    return records
  }

  // MARK: Comparison

  /// Compares the text around places whose hash occurs more than once.
  private mutating func compare(_ places: HashRecords) throws {
    var pieces: [[Range<Int>]] = []
    var piece: [Range<Int>] = []
    var byteCount = 0
    func flush(_ pieces: inout [[Range<Int>]]) {
      if !piece.isEmpty { pieces.append(piece) }
      (piece, byteCount) = ([], 0)
    }
    try places.forEachGroup { group in
      let regions = group.map { region(places.value(at: $0)) }
      let span = places.value(at: group.lowerBound) >> Self.placeBits
      guard regions.count > 1 || span > 0 else { return }
      let count = regions.reduce(0) { $0 + $1.count }
      if byteCount + count > textLimit { flush(&pieces) }
      if count <= textLimit {
        piece += regions
        byteCount += count
      } else {
        // Every pair of occurrences is in one of the pieces.
        let parts = Self.parts(regions, limit: textLimit / 2)
        for (index, first) in parts.enumerated() {
          for second in parts[index...] { pieces.append(first == second ? first : first + second) }
          if pieces.count >= parallel.jobs { try mark(&pieces) }
        }
      }
      if pieces.count >= parallel.jobs { try mark(&pieces) }
    }
    flush(&pieces)
    try mark(&pieces)
  }

  /// Returns the part of the text in which runs have the inner run at a place, or at the last of several.
  private func region(_ value: Int) -> Range<Int> {
    let place = value & (1 << Self.placeBits - 1)
    let last = place + value >> Self.placeBits
    return max(0, place - (length - innerLength))..<min(corpus.unitCount, last + length)
  }

  private static func parts(_ regions: [Range<Int>], limit: Int) -> [[Range<Int>]] {
    var parts: [[Range<Int>]] = [[]]
    var count = 0
    for region in regions {
      if count + region.count > limit, count > 0 {
        parts.append([])
        count = 0
      }
      parts[parts.count - 1].append(region)
      count += region.count
    }
    return parts
  }

  private mutating func mark(_ pieces: inout [[Range<Int>]]) throws {
    let work = pieces
    pieces = []
    guard !work.isEmpty else { return }
    let results = Mutex<[Marks?]>([Marks?](repeating: nil, count: work.count))
    let (corpus, length) = (corpus, length)
    try parallel.forEach(count: work.count, workspaceByteCount: 0) { index, _ in
      let marks = try Self.marks(in: work[index], corpus, length)
      results.withLock { $0[index] = marks }
    }
    for case let marks? in results.withLock({ $0 }) {
      starts.add(marks.starts)
      laterStarts.add(marks.laterStarts)
      comparedCount += marks.comparedCount
    }
    if starts.ranges.count > 1 << 20 { starts.normalize() }
    if laterStarts.ranges.count > 1 << 20 { laterStarts.normalize() }
  }

  private struct Marks: Sendable {
    var starts = PositionSet()
    var laterStarts = PositionSet()
    var comparedCount = 0
  }

  /// Returns the repeated starts in parts of the text.
  private static func marks(
    in regions: [Range<Int>], _ corpus: Corpus, _ length: Int
  ) throws -> Marks {
    var joined = PositionSet()
    for region in regions { joined.add(region) }
    joined.normalize()
    var symbols: [UInt32] = []
    for region in joined.ranges {
      symbols += try Self.symbols(region, corpus)
      // Separates regions; a run with it is in none.
      symbols.append(.max)
    }
    let (text, alphabet) = ranked(symbols, corpus.unit)
    symbols = []
    let marks = SuffixArray.repeats(in: text, alphabet: alphabet, length: length)
    var result = Marks(comparedCount: text.count)
    var place = 0
    for region in joined.ranges {
      for index in 0..<max(0, region.count - length + 1) where marks[place + index] != 0 {
        let start = region.lowerBound + index
        result.starts.add(start..<start + 1)
        if marks[place + index] == 3 { result.laterStarts.add(start..<start + 1) }
      }
      place += region.count + 1
    }
    return result
  }

  private static func symbols(_ range: Range<Int>, _ corpus: Corpus) throws -> [UInt32] {
    let bytes = try corpus.bytes(range)
    switch corpus.unit {
    case .byte: return bytes.map { UInt32($0) }
    case .token:
      return (0..<range.count).map {
        bytes.rawSpan.littleEndian(UInt32.self, at: 4 * $0) ?? 0
      }
    }
  }

  /// Returns the symbols as numbers from 2 on, separators as 1, and a 0 at the end.
  private static func ranked(
    _ symbols: [UInt32], _ unit: Corpus.Unit
  ) -> (text: [Int32], alphabet: Int) {
    switch unit {
    case .byte: return (symbols.map { $0 == .max ? 1 : Int32($0) + 2 } + [0], 258)
    case .token:
      var ranks: [UInt32: Int32] = [.max: 1]
      let text = symbols.map { symbol -> Int32 in
        if let rank = ranks[symbol] { return rank }
        let rank = Int32(ranks.count + 1)
        ranks[symbol] = rank
        return rank
      }
      return (text + [0], ranks.count + 2)
    }
  }
}
