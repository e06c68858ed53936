package import Base

/// The removal of repeats from a corpus, kind after kind: documents first, then paragraphs of the documents that are left,
/// then ranges of the text that is left.
package struct Deduplication {
  package let original: Corpus
  package let settings: DedupSettings
  /// The documents that are left.
  package private(set) var kept: Corpus
  package internal(set) var tally = DedupTally()
  /// For each document that is left its number in the original.
  private(set) var origins: [UInt32]

  private let memory: Int
  private let temporaryFolder: String
  private let jobs: Int
  private let cancellation: Cancellation
  private var cuts: CutFile?

  /// - Parameter memory: The limit of resident memory.
  /// - Throws: ``UsageError`` for settings out of range.
  package init(
    _ corpus: Corpus, _ settings: DedupSettings, memory: Int, temporaryFolder: String,
    parallel: Parallel
  ) throws {
    try settings.check()
    (original, kept, self.settings) = (corpus, corpus, settings)
    (self.memory, self.temporaryFolder) = (memory, temporaryFolder)
    (jobs, cancellation) = (parallel.jobs, parallel.cancellation)
    origins = (0..<UInt32(corpus.documentCount)).map(\.self)
    tally.read = DedupTally.Part(
      documents: corpus.documentCount, pieces: corpus.documentCount,
      units: (0..<corpus.documentCount).reduce(0) { $0 + corpus.range(of: $1).count })
  }

  /// Removes all repeats.
  /// - Parameter list: Called with each part that is removed.
  /// - Throws: ``UsageError`` if the memory is too little; ``FileError``; what `list` throws.
  package mutating func removeRepeats(_ list: (JSONValue) throws -> Void) throws {
    if settings.comparesDocuments { try removeDocuments(list) }
    if settings.levels.contains(.paragraphs) { try removeParagraphs(list) }
    if settings.levels.contains(.ranges) { try removeRanges(list) }
  }

  /// Counts the documents that are left, which a writer does otherwise.
  package mutating func countKept() throws {
    tally.kept = DedupTally.Part(
      documents: kept.documentCount,
      units: (0..<kept.documentCount).reduce(0) { $0 + kept.range(of: $1).count })
    try tally.check()
  }

  /// A pass over the documents that are left, and the memory for the rest of the work.
  private func pass() throws -> (pass: CorpusPass, memory: Int) {
    let work = try ScanMemory(limit: memory).workByteCount(documentCount: kept.documentCount)
    let batchCount = work / 2 / CorpusPass.byteCountPerBatch
    let jobs = max(1, min(jobs, batchCount))
    return (
      CorpusPass(
        corpus: kept, parallel: Parallel(jobs: jobs, cancellation: cancellation),
        waveCount: max(1, min(8 * jobs, batchCount))), work / 2
    )
  }

  private func editor() throws -> CorpusEditor {
    try CorpusEditor(
      kept, in: temporaryFolder, memory: ScanMemory(limit: memory), cancellation: cancellation)
  }

  private mutating func take(_ editor: CorpusEditor) throws {
    kept = try editor.finished()
    origins = editor.documents.map { origins[Int($0)] }
  }

  // MARK: Documents

  private mutating func removeDocuments(_ list: (JSONValue) throws -> Void) throws {
    let (pass, memory) = try pass()
    // Signatures are needed for near-duplicates alone; fewer take less time.
    let scheme = MinHashScheme(
      shingleLength: settings.scan.shingle, bandCount: settings.levels.contains(.near) ? 32 : 8,
      seed: settings.scan.seed)
    let facts = try DocumentFacts(pass, scheme, temporaryFolder: temporaryFolder)
    let twins = try DocumentTwins(
      kept, facts, scheme, settings, memory: memory, parallel: pass.parallel)
    var editor = try editor()
    for document in 0..<kept.documentCount {
      editor.begin(document)
      guard let (twin, level) = twins.twin(of: document) else {
        _ = try editor.end()
        continue
      }
      let (range, other) = (kept.range(of: document), kept.range(of: twin))
      tally.remove(level, units: range.count)
      tally.removeDocument(level)
      try note(
        level, 0..<range.count, of: document, keptAs: 0..<other.count, of: twin, list)
    }
    if editor.documents.count < kept.documentCount { try take(editor) }
  }

  // MARK: Paragraphs

  private mutating func removeParagraphs(_ list: (JSONValue) throws -> Void) throws {
    guard kept.unit == .byte else {
      throw UsageError(
        "tokens have no paragraphs",
        hint: "name other repeats, such as \(setting: "by", "documents,ranges")")
    }
    let (pass, memory) = try pass()
    let removals = try RemovalFile(in: temporaryFolder)
    try ParagraphCounter(walk: ParagraphWalk(pass: pass, countsWords: false), memory: memory).run(
      begin: removals.begin, later: { try removals.append($0, keptStart: $1.lowerBound) },
      end: { _ in try removals.end() })
    guard removals.count > 0 else { return }
    let cuts = try CutFile(in: temporaryFolder)
    var editor = try editor()
    var reader = removals.reader()
    var record = try reader.next()
    for document in 0..<kept.documentCount {
      let range = kept.range(of: document)
      editor.begin(document)
      // The end of the paragraphs at the start of the document that are all removed.
      var headEnd = -1
      while let removal = record, removal.document == document {
        let cut = Self.cut(removal, headEnd: &headEnd)
        try editor.cut(cut)
        tally.remove(.paragraphs, units: cut.count)
        let offsets = cut.lowerBound - range.lowerBound..<cut.upperBound - range.lowerBound
        try cuts.append(offsets, of: Int(origins[document]))
        let twin = kept.document(at: removal.keptStart)
        let start = removal.keptStart - kept.range(of: twin).lowerBound
        try note(
          .paragraphs, offsets, of: document, keptAs: start..<start + removal.range.count, of: twin,
          list)
        record = try reader.next()
      }
      if try !editor.end() { tally.removeDocument(.paragraphs) }
    }
    try cuts.end()
    try take(editor)
    self.cuts = cuts
  }

  /// Returns what is cut out for a paragraph: with the white space before it, or for those at the start of a document with
  /// that after it.
  private static func cut(_ removal: RemovalFile.Record, headEnd: inout Int) -> Range<Int> {
    guard removal.isFirst || removal.range.lowerBound == headEnd else {
      return removal.previousEnd..<removal.range.upperBound
    }
    headEnd = removal.nextStart
    return (removal.isFirst ? removal.previousEnd : removal.range.lowerBound)..<removal.nextStart
  }

  // MARK: Ranges

  private mutating func removeRanges(_ list: (JSONValue) throws -> Void) throws {
    let (pass, memory) = try pass()
    let length = settings.rangeLength ?? (kept.unit == .byte ? 100 : 50)
    let found = try RepeatedRanges(kept, length: length, memory: memory, parallel: pass.parallel)
    let removals = try RangeRemovals(found, kept)
    guard !removals.cuts.isEmpty else { return }
    let places = try FirstPlaces(
      removals.cuts.map(\.runStart), length: length, pass: pass)
    var editor = try editor()
    var next = 0
    for document in 0..<kept.documentCount {
      let range = kept.range(of: document)
      editor.begin(document)
      while next < removals.cuts.count, removals.cuts[next].range.lowerBound < range.upperBound {
        let cut = removals.cuts[next].range
        try editor.cut(cut)
        tally.remove(.ranges, units: cut.count)
        let place = places[next]
        let twin = kept.document(at: place)
        let start = place - kept.range(of: twin).lowerBound
        let end = min(start + length, kept.range(of: twin).count)
        try note(
          .ranges, cut.lowerBound - range.lowerBound..<cut.upperBound - range.lowerBound,
          of: document, keptAs: start..<end, of: twin, list)
        next += 1
      }
      if try !editor.end() { tally.removeDocument(.ranges) }
    }
    try take(editor)
  }

  // MARK: List

  /// Lists a part that is removed.
  /// - Parameters:
  ///   - offsets: The range in the document that is left by the kinds before this one.
  ///   - kept: The range of the repeat that stays, in the same form.
  private func note(
    _ level: DedupSettings.Level, _ offsets: Range<Int>, of document: Int,
    keptAs kept: Range<Int>, of twin: Int, _ list: (JSONValue) throws -> Void
  ) throws {
    let (document, twin) = (Int(origins[document]), Int(origins[twin]))
    // Ranges come after paragraphs, whose cuts make offsets smaller.
    let isShifted = level == .ranges && cuts != nil
    let pieces = isShifted ? try cuts?.whole(offsets, of: document) ?? [] : [offsets]
    let places = isShifted ? try cuts?.whole(kept, of: twin) ?? [] : [kept]
    guard let first = places.first, let last = places.last else { return }
    for piece in pieces {
      var entry = try place(document, piece)
      entry["reason"] = .string(level.rawValue)
      entry["kept"] = .object(try place(twin, first.lowerBound..<last.upperBound))
      try list(.object(entry))
    }
  }

  private func place(_ document: Int, _ offsets: Range<Int>) throws -> JSONObject {
    let path = original.sources.first { $0.documents.contains(document) }?.path ?? ""
    return [
      "document": .string(try original.label(of: document)), "file": .string(path),
      "unit": .string(original.unit.rawValue), "start": JSONValue(offsets.lowerBound),
      "end": JSONValue(offsets.upperBound),
    ]
  }
}
