package import Base
import Synchronization

/// The parts of the joined documents whose runs of `length` units occur more than once.
///
/// The result is exact for texts of any size, within bounded memory. Of each run, the place of the smallest hash of its
/// inner runs of about `length / 2` units is taken (winnowing: Schleimer, Wilkerson, Aiken, SIGMOD 2003). Equal runs have
/// equal hashes at equal places in them, so that a run which occurs twice is near a place whose hash occurs twice. The
/// text around such places is compared by suffix arrays, in pieces that contain all places with the same hash. If the
/// places do not fit into memory, the text is read several times, for a part of the hashes each time. Runs around a hash
/// with more places than fit into memory are compared by a table; see ``FrequentRuns``.
package struct RepeatedRanges: Sendable {
  package let length: Int
  /// The places at which a run starts that occurs at another place too.
  package private(set) var starts = PositionSet()
  /// The places at which a run starts that occurs before too.
  package private(set) var laterStarts = PositionSet()
  /// The number of units that were compared.
  package private(set) var comparedCount = 0
  /// The number of times that the text was read.
  package private(set) var readingCount = 0

  private let corpus: Corpus
  private let parallel: Parallel
  private let chunks: TextChunks
  private let memory: Int
  private let placeCapacity: Int
  private let textLimit: Int
  /// The hashes with more places than fit into memory.
  private var frequentHashes: Set<UInt64> = []

  private static let placeBits = 40
  private static let spanLimit = 1 << 24
  /// The memory for a range in both sets of places, with that for sorting them.
  private static let byteCountPerRange = 64

  /// - Parameter memory: The number of bytes for the work, and half of them again for the ranges that are found.
  package init(_ corpus: Corpus, length: Int, memory: Int, parallel: Parallel) throws {
    guard length >= 4 else {
      throw UsageError("\(setting: "length") is \(length), expected 4 or more")
    }
    guard corpus.unitCount < 1 << Self.placeBits else {
      throw UsageError("the inputs have more than 2^\(Self.placeBits) units; scan them in parts")
    }
    (self.corpus, self.length, self.parallel) = (corpus, length, parallel)
    self.memory = memory
    chunks = TextChunks(corpus: corpus, length: length, parallel: parallel, memory: memory / 4)
    placeCapacity = max(1 << 14, memory / 2 / HashRecords.byteCountPerRecord)
    textLimit = min(
      1 << 24, max(1 << 16, memory / 2 / SuffixArray.byteCountPerSymbol / parallel.jobs))
    // Runs of text have a place in about 2 / (window + 1) positions.
    var parts = HashPart.parts(1 + 3 * (corpus.unitCount / (length / 2 + 2)) / placeCapacity)
    while let part = parts.popLast() {
      if let places = try places(part) {
        try compare(places)
      } else {
        parts += try part.divided()
      }
    }
    try compareFrequent()
    starts.normalize()
    laterStarts.normalize()
  }

  /// The parts that are covered by runs which occur more than once. A part as a whole may occur once.
  package var covered: PositionSet { starts.covered(by: length) }
  /// The parts that are covered by runs which occur before.
  package var laterCovered: PositionSet { laterStarts.covered(by: length) }

  // MARK: Places

  /// Returns the places of a part of the hashes, sorted by these; nil if there are too many for the memory.
  private mutating func places(_ part: HashPart) throws -> HashRecords? {
    readingCount += 1
    var places = HashRecords()
    let (window, frequent) = (chunks.window, frequentHashes)
    let expectedCount = 2 * chunks.runCount / (window + 1)
    do {
      try chunks.forEach(byteCount: 2 * HashRecords.byteCountPerRecord * expectedCount) {
        Self.places($0, window: window, part, except: frequent)
      } _: { found in
        places.append(contentsOf: found)
        guard places.count > placeCapacity else { return }
        places.sort()
        let keys = places.keys(ofMoreThan: placeCapacity / 8)
        frequentHashes.formUnion(keys)
        places.remove(keys: keys)
        guard places.count <= placeCapacity / 4 * 3 else { throw Overflow() }
      }
    } catch is Overflow {
      return nil
    }
    places.remove(keys: frequentHashes)
    places.sort()
    return places
  }

  /// The places do not fit into memory.
  private struct Overflow: Error {}

  private static func places(
    _ chunk: TextChunks.Chunk, window: Int, _ part: HashPart, except frequent: Set<UInt64>
  ) -> HashRecords {
    var records = HashRecords()
    var last: (hash: UInt64, first: Int, last: Int)?
    func store() {
      guard let last, part.contains(last.hash), !frequent.contains(last.hash) else { return }
      records.append(
        key: last.hash, value: (last.last - last.first) << placeBits | (chunk.start + last.first))
    }
    for place in chunk.minima {
      let (place, hash) = (Int(place), chunk.hashes[Int(place)])
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

  /// Compares the text around places whose hash occurs more than once, except frequent ones.
  private mutating func compare(_ places: HashRecords) throws {
    var pieces: [[Range<Int>]] = []
    var piece: [Range<Int>] = []
    var unitCount = 0
    func flush(_ pieces: inout [[Range<Int>]]) {
      if !piece.isEmpty { pieces.append(piece) }
      (piece, unitCount) = ([], 0)
    }
    try places.forEachGroup { group in
      let span = places.value(at: group.lowerBound) >> Self.placeBits
      guard group.count > 1 || span > 0 else { return }
      let count = group.reduce(0) { $0 + region(places.value(at: $1)).count }
      guard count <= textLimit else {
        frequentHashes.insert(places.key(at: group.lowerBound))
        return
      }
      if unitCount + count > textLimit { flush(&pieces) }
      piece += group.map { region(places.value(at: $0)) }
      unitCount += count
      if pieces.count >= parallel.jobs { try mark(&pieces) }
    }
    flush(&pieces)
    try mark(&pieces)
  }

  /// Returns the part of the text in which runs have the inner run at a place, or at the last of several.
  private func region(_ value: Int) -> Range<Int> {
    let place = value & (1 << Self.placeBits - 1)
    let last = place + value >> Self.placeBits
    return max(0, place - chunks.window + 1)..<min(corpus.unitCount, last + length)
  }

  private mutating func mark(_ pieces: inout [[Range<Int>]]) throws {
    let work = pieces
    pieces = []
    guard !work.isEmpty else { return }
    let results = Mutex<[MarkedRuns?]>([MarkedRuns?](repeating: nil, count: work.count))
    let (corpus, length) = (corpus, length)
    try parallel.forEach(count: work.count, workspaceByteCount: 0) { index, _ in
      let runs = try MarkedRuns(in: work[index], corpus, length: length)
      results.withLock { $0[index] = runs }
    }
    for case let runs? in results.withLock({ $0 }) {
      starts.add(runs.starts)
      laterStarts.add(runs.laterStarts)
      comparedCount += runs.comparedCount
    }
    try limitRanges()
  }

  /// Compares the runs around frequent hashes.
  private mutating func compareFrequent() throws {
    guard !frequentHashes.isEmpty else { return }
    let frequent = frequentHashes
    var first: Int? = 0
    while let start = first {
      readingCount += 1
      var runs = FrequentRuns(corpus, length: length, memory: memory / 2)
      try chunks.forEach(
        from: start, byteCount: 2 * HashRecords.byteCountPerRecord * chunks.runCount
      ) { chunk in
        chunk.runs(around: frequent)
      } _: { found in
        comparedCount += found.count
        for index in 0..<found.count where found.value(at: index) >= start {
          try runs.add(found.value(at: index), hash: found.key(at: index))
        }
        try checkMemory(runs.firstStarts.ranges.count + runs.laterStarts.ranges.count)
      }
      starts.add(runs.firstStarts)
      starts.add(runs.laterStarts)
      laterStarts.add(runs.laterStarts)
      try limitRanges()
      first = runs.next
    }
  }

  // MARK: Memory

  /// Joins the ranges that were found if they are many.
  /// - Throws: ``UsageError`` if they are too many for the memory.
  private mutating func limitRanges() throws {
    func isLarge(_ set: PositionSet) -> Bool { set.ranges.count > rangeLimit / 2 }
    if isLarge(starts) { starts.normalize() }
    if isLarge(laterStarts) { laterStarts.normalize() }
    try checkMemory(starts.ranges.count)
  }

  private var rangeLimit: Int { max(1 << 15, memory / 2 / Self.byteCountPerRange) }

  private func checkMemory(_ rangeCount: Int) throws {
    guard rangeCount > rangeLimit else { return }
    throw UsageError(
      "\(setting: "memory") is too little for more than \(rangeLimit.grouped) repeated ranges",
      hint: "pass a larger \(setting: "memory"), or a larger \(setting: "length")")
  }
}
