import Base
import Checkpoints
import TensorCore
import TokenData

/// Writes the documents that are left in the form of their inputs.
///
/// Lines are read again; all but the text of a document stays byte for byte. Everything else comes from the documents.
struct CorpusWriter {
  /// The numbers of documents and units that were written.
  private(set) var written = DedupTally.Part()
  /// The number of files that were written.
  private(set) var fileCount = 0

  private let original: Corpus
  private let kept: Corpus
  private let origins: [UInt32]
  private let memory: MemoryBudget
  private let cancellation: Cancellation
  /// The next document that is left.
  private var next = 0

  init(_ result: Deduplication, memory: MemoryBudget, cancellation: Cancellation) {
    (original, kept, origins) = (result.original, result.kept, result.origins)
    (self.memory, self.cancellation) = (memory, cancellation)
  }

  /// Writes the documents of the next input, of which there are some.
  mutating func write(_ source: Corpus.Source, to output: CorpusOutput.File) throws {
    fileCount += 1
    switch source.origin.form {
    case .objects(let field): try writeLines(source, field: field, output)
    case .lines: try writeLines(source, field: nil, output)
    case .text: try writeTexts(source, output)
    case .ids(let element): try writeIDs(source, element.integer, output)
    case .tensor(let tensor, let checkpoint):
      try writeTensor(source, tensor, checkpoint, output)
    }
  }

  /// Returns true if documents of the input are left, or if it has none.
  func hasDocuments(_ source: Corpus.Source) -> Bool {
    source.documents.isEmpty
      || (next < origins.count && source.documents.contains(Int(origins[next])))
  }

  /// The numbers of the documents of an input that are left.
  private mutating func take(_ source: Corpus.Source) -> Range<Int> {
    let first = next
    while next < origins.count, source.documents.contains(Int(origins[next])) {
      written.documents += 1
      written.units += kept.range(of: next).count
      next += 1
    }
    return first..<next
  }

  // MARK: Lines

  private mutating func writeLines(
    _ source: Corpus.Source, field: String?, _ output: CorpusOutput.File
  ) throws {
    var lines = try LineReader(
      source.origin.open(source.path), limit: DataReader.lineLimit(memory: memory.limit),
      cancellation)
    var document = source.documents.lowerBound
    try output.write { file in
      while let bytes = try lines.next() {
        var line = Array(bytes)
        if line.contains(where: { $0 > 0x20 }) {
          guard document < source.documents.upperBound else {
            throw ChangedInputError(path: source.path)
          }
          defer { document += 1 }
          guard let left = try self.line(line, of: document, field: field, source.path) else {
            continue
          }
          line = left
        }
        try file.append(line)
        if lines.isTerminated { try file.append(CollectionOfOne(0x0A)) }
      }
    }
    guard document == source.documents.upperBound else {
      throw ChangedInputError(path: source.path)
    }
  }

  /// Returns the line for a document that is left, or nil.
  private mutating func line(
    _ line: [UInt8], of document: Int, field: String?, _ path: String
  ) throws -> [UInt8]? {
    let end: [UInt8] = line.last == 0x0D ? [0x0D] : []
    let parsed = try field.map { field in
      guard let text = try? LineText(line, field: field) else {
        throw ChangedInputError(path: path)
      }
      return text
    }
    let text = parsed.map { Array($0.text.utf8) } ?? Array(line.dropLast(end.count))
    guard try text == original.bytes(original.range(of: document)) else {
      throw ChangedInputError(path: path)
    }
    guard next < origins.count, Int(origins[next]) == document else { return nil }
    defer { next += 1 }
    let left = try kept.bytes(kept.range(of: next))
    written.documents += 1
    written.units += left.count
    guard left.count < text.count else { return line }
    return parsed.map { $0.line(line, with: String(decoding: left, as: UTF8.self)) } ?? left + end
  }

  // MARK: Texts and tokens

  private mutating func writeTexts(
    _ source: Corpus.Source, _ output: CorpusOutput.File
  ) throws {
    let documents = take(source)
    try output.write { file in
      for document in documents {
        try forEachPart(of: kept.range(of: document)) { try file.append(kept.bytes($0)) }
      }
    }
  }

  private mutating func writeIDs(
    _ source: Corpus.Source, _ integer: TokenInteger, _ output: CorpusOutput.File
  ) throws {
    let documents = take(source)
    try output.write { file in
      for document in documents {
        try forEachPart(of: kept.range(of: document)) { part in
          var bytes: [UInt8] = []
          integer.append(try kept.ids(part), to: &bytes)
          try file.append(bytes)
        }
      }
    }
  }

  private func forEachPart(
    of range: Range<Int>, _ body: (Range<Int>) throws -> Void
  ) throws {
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 18) {
      try cancellation.check()
      try body(start..<min(range.upperBound, start + 1 << 18))
    }
  }

  private mutating func writeTensor(
    _ source: Corpus.Source, _ tensor: LazyTensor, _ checkpoint: Checkpoint,
    _ output: CorpusOutput.File
  ) throws {
    let documents = take(source)
    let start = documents.isEmpty ? 0 : kept.range(of: documents.lowerBound).lowerBound
    let end = documents.isEmpty ? 0 : kept.range(of: documents.upperBound - 1).upperBound
    let dimensions = tensor.info.shape.dimensions
    let shape = dimensions.count == 2 ? [documents.count, dimensions[1]] : [end - start]
    let dtype = tensor.info.dtype
    guard let integer = TokenInteger(dtypeName: dtype.name) else { return }
    let kept = kept
    let values = TokenTensorSource { elements in
      var bytes: [UInt8] = []
      bytes.reserveCapacity(elements.count * integer.byteCount)
      integer.append(
        try kept.ids(start + elements.lowerBound..<start + elements.upperBound), to: &bytes)
      return bytes
    }
    try output.write(values, tensor.name, dtype, Shape(shape), in: checkpoint)
  }
}

extension Corpus {
  /// Returns the ids of a range of tokens.
  func ids(_ range: Range<Int>) throws -> [Int32] {
    let bytes = try bytes(range)
    return (0..<range.count).map { bytes.rawSpan.littleEndian(Int32.self, at: 4 * $0) ?? 0 }
  }
}
