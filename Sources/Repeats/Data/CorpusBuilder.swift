import Base

/// Collects the documents of a corpus in order.
final class CorpusBuilder {
  private static let pieceByteCount = 1 << 20
  /// The number of documents after which the memory is checked again.
  private static let checkedDocumentCount = 1 << 14
  /// The number of files after which the memory is checked again.
  private static let checkedSourceCount = 1 << 10

  private let memory: ScanMemory
  private let cancellation: Cancellation
  private let store: TemporaryFile
  private let names: TemporaryFile
  private var unit: Corpus.Unit?
  private var sources: [Corpus.Source] = []
  private var starts: [Int] = [0]
  private var nameStarts: [Int] = [0]
  private var pending: [UInt8] = []
  private var pendingNames: [UInt8] = []
  private var writtenByteCount = 0
  private var writtenNameByteCount = 0
  private var pathByteCount = 0
  /// The files on disk that were read.
  private var known: Set<Place> = []

  private struct Place: Hashable {
    var file: FileIdentity
    var tensor: String?
  }

  init(in folder: String, memory: ScanMemory, cancellation: Cancellation) throws {
    self.memory = memory
    self.cancellation = cancellation
    store = try TemporaryFile(in: folder)
    names = try TemporaryFile(in: folder)
  }

  /// Returns false for a file on disk, or a tensor in it, that this function was called for before, by whatever path.
  func isNew(_ path: String, tensor: String? = nil) throws -> Bool {
    guard let file = try FileIdentity.ifPresent(path) else { return true }
    return known.insert(Place(file: file, tensor: tensor)).inserted
  }

  /// Begins the documents of a file.
  /// - Throws: ``UsageError`` if the files before it have another unit.
  func begin(_ path: String, _ unit: Corpus.Unit, _ origin: DataOrigin) throws {
    guard self.unit == nil || self.unit == unit else {
      throw UsageError(
        "\(path.printable) has \(unit.rawValue)s, but the inputs before it have "
          + "\(unit == .byte ? "token" : "byte")s", hint: "scan texts and tokens separately")
    }
    self.unit = unit
    sources.append(
      Corpus.Source(path: path, documents: starts.count - 1..<starts.count - 1, origin: origin))
    pathByteCount += path.utf8.count + ScanMemory.byteCountPerSource
    if sources.count % Self.checkedSourceCount == 0 { try checkMemory() }
  }

  /// - Throws: ``UsageError`` if the tables of the documents need more memory than the limit.
  private func checkMemory() throws {
    _ = try memory.workByteCount(documentCount: starts.count - 1, pathByteCount: pathByteCount)
  }

  /// Adds a part of the current document.
  func append(_ bytes: some Collection<UInt8>) throws {
    pending += bytes
    if pending.count >= Self.pieceByteCount { try flush() }
  }

  /// Adds tokens to the current document.
  func append(ids: [Int32]) throws {
    // SAFETY: a number has no padding that could be read uninitialized.
    try append(unsafe ids.span.bytes.array())
  }

  /// Ends the current document.
  /// - Throws: ``UsageError`` if the tables of the documents need more memory than the limit.
  func end(_ name: Corpus.Name) throws {
    if unit == .byte { pending.append(0x0A) }
    starts.append((writtenByteCount + pending.count) / (unit == .byte ? 1 : 4))
    let last = sources.count - 1
    sources[last].documents = sources[last].documents.lowerBound..<starts.count - 1
    append(name, number: sources[last].documents.count)
    if pendingNames.count >= Self.pieceByteCount { try flush() }
    if (starts.count - 1) % Self.checkedDocumentCount == 0 { try checkMemory() }
  }

  private func append(_ name: Corpus.Name, number: Int) {
    switch name {
    case .id(let id):
      pendingNames.append(Corpus.Name.idMark)
      pendingNames += id.utf8
    case .line(let line) where line != number:
      pendingNames.append(Corpus.Name.lineMark)
      pendingNames += "\(line)".utf8
    case .line, .number: break
    }
    nameStarts.append(writtenNameByteCount + pendingNames.count)
  }

  private func flush() throws {
    let (bytes, ids) = (pending, pendingNames)
    try store.write(bytes.rawSpan, at: writtenByteCount)
    try names.write(ids.rawSpan, at: writtenNameByteCount)
    writtenByteCount += pending.count
    writtenNameByteCount += pendingNames.count
    pending.removeAll(keepingCapacity: true)
    pendingNames.removeAll(keepingCapacity: true)
  }

  /// Returns the corpus.
  /// - Throws: ``UsageError`` if there is no document.
  func finished() throws -> Corpus {
    try flush()
    guard let unit, starts.count > 1 else { throw UsageError("the inputs have no documents") }
    return Corpus(
      unit, sources: sources, starts: starts, nameStarts: nameStarts, store: store, names: names,
      cancellation: cancellation)
  }
}
