import Base

/// The documents of all inputs, one after another, in an unnamed temporary file.
///
/// Texts are joined with a line feed between documents; tokens are 32-bit numbers without anything between documents.
/// In memory are 16 bytes for each document.
package final class Corpus: Sendable {
  /// The unit of all positions.
  package enum Unit: String, Sendable {
    case byte, token

    var byteCount: Int { self == .byte ? 1 : 4 }
    /// The number of units between two documents.
    var separatorCount: Int { self == .byte ? 1 : 0 }
  }

  /// The name of a document.
  enum Name {
    case id(String)
    /// The line of the file, from 1 on.
    case line(Int)
    /// Its number in the file.
    case number

    /// The first byte of the names that are stored.
    static let (idMark, lineMark): (UInt8, UInt8) = (1, 2)
  }

  /// A file with documents.
  package struct Source: Sendable {
    package var path: String
    package var documents: Range<Int>
    /// The way in which it can be read again.
    var origin: DataOrigin
  }

  package let unit: Unit
  package let sources: [Source]
  /// The start of each document in units, and the place after the last one and its separator.
  private let starts: [Int]
  /// The start of the name of each document among all names, and their end.
  private let nameStarts: [Int]
  private let store: TemporaryFile
  private let names: TemporaryFile
  private let cancellation: Cancellation

  init(
    _ unit: Unit, sources: [Source], starts: [Int], nameStarts: [Int], store: TemporaryFile,
    names: TemporaryFile, cancellation: Cancellation
  ) {
    self.cancellation = cancellation
    (self.unit, self.sources, self.starts, self.nameStarts) = (unit, sources, starts, nameStarts)
    (self.store, self.names) = (store, names)
  }

  package var documentCount: Int { starts.count - 1 }

  /// The length of the joined documents in units.
  package var unitCount: Int { max(0, starts[documentCount] - unit.separatorCount) }

  /// Returns the place of a document in the joined documents.
  package func range(of document: Int) -> Range<Int> {
    starts[document]..<max(starts[document], starts[document + 1] - unit.separatorCount)
  }

  /// Returns the document that contains a unit, or that is before it.
  package func document(at position: Int) -> Int {
    var (low, high) = (0, documentCount)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= position { low = middle } else { high = middle }
    }
    return low
  }

  /// Returns the bytes of a range of units.
  /// - Throws: ``FileError``, or ``InterruptedError`` if a stop was requested.
  package func bytes(_ units: Range<Int>) throws -> [UInt8] {
    try cancellation.check()
    let size = unit.byteCount
    return try Self.bytes(units.lowerBound * size, units.count * size, of: store)
  }

  /// Returns the id of a document; without one, its file and its line there, or its number, from 1 on.
  package func label(of document: Int) throws -> String {
    let range = nameStarts[document]..<nameStarts[document + 1]
    let name = try Self.bytes(range.lowerBound, range.count, of: names)
    let text = String(decoding: name.dropFirst(), as: UTF8.self)
    if name.first == Name.idMark { return text }
    let source = sources[source(of: document)]
    return name.first == Name.lineMark
      ? "\(source.path)#\(text)" : "\(source.path)#\(document - source.documents.lowerBound + 1)"
  }

  /// Returns the index of the last source whose documents do not start after a document.
  private func source(of document: Int) -> Int {
    var (low, high) = (0, sources.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if sources[middle].documents.lowerBound <= document { low = middle } else { high = middle }
    }
    return low
  }

  private static func bytes(_ start: Int, _ count: Int, of file: TemporaryFile) throws -> [UInt8] {
    var buffer = ByteBuffer(byteCount: count)
    var span = buffer.mutableBytes
    try file.read(at: start, into: &span)
    return buffer.bytes.array()
  }

  /// Returns the hashes of the words of a text, or of tokens.
  func words(_ bytes: [UInt8]) -> [UInt64] {
    switch unit {
    case .byte: RepeatKernels.best.words(bytes.rawSpan)
    case .token: RepeatKernels.best.tokens(bytes.rawSpan)
    }
  }
}
