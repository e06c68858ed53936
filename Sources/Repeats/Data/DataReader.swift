import Archives
package import Base
import Checkpoints
import Containers
import TensorCore
import TokenData

/// The code of faults of texts.
enum TokenText {
  static var code: FormatError.Code { TokenFault.text.code }
}

/// The inputs of a scan, and the way in which they are divided into documents.
package struct DataSettings: Codable, Sendable, Equatable {
  /// The documents of a text file.
  package enum TextDocuments: String, CaseIterable, Codable, Sendable {
    case file, lines
  }

  package var paths: [String]
  /// The member of the objects in JSON lines that has the text.
  package var field = "text"
  package var text = TextDocuments.file
  /// The type of the ids in files without a header whose suffix does not name it.
  package var ids: String?

  package init(paths: [String]) { self.paths = paths }
}

/// Reads the documents of texts, JSON lines and tokens, in files, folders and archives.
package struct DataReader {
  private let settings: DataSettings
  private let temporaryFolder: String
  /// The largest number of bytes of a line.
  private let lineLimit: Int
  private let cancellation: Cancellation

  package init(
    _ settings: DataSettings, temporaryFolder: String, memory: Int, cancellation: Cancellation
  ) {
    self.settings = settings
    self.temporaryFolder = temporaryFolder
    self.cancellation = cancellation
    lineLimit = max(1 << 20, memory / 16)
  }

  /// Reads all documents.
  /// - Throws: ``FormatError`` with the line or byte of the fault, ``FileError`` or ``UsageError``.
  package func corpus() throws -> Corpus {
    let builder = try CorpusBuilder(in: temporaryFolder)
    for path in settings.paths { try read(path, into: builder) }
    return try builder.finished()
  }

  private func read(_ data: String, into builder: CorpusBuilder) throws {
    var (path, name): (String, String?) = (data, nil)
    if try FileSystem.targetType(data) == nil, let colon = data.lastIndex(of: ":") {
      (path, name) = (String(data[..<colon]), String(data[data.index(after: colon)...]))
    }
    let input = try InputTree(path: path)
    if !input.isFolder, Archives.isLikely(input), let tree = try Archives.tree(of: input) {
      return try readFolder(tree, "", name, into: builder)
    }
    guard !input.isFolder else { return try readFolder(input, "", name, into: builder) }
    try read(input.openNamedFile(), input, name, into: builder)
  }

  private func readFolder(
    _ tree: InputTree, _ folder: String, _ name: String?, into builder: CorpusBuilder
  ) throws {
    for entry in try tree.entries(in: folder) {
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      switch entry.kind {
      case .folder: try readFolder(tree, path, name, into: builder)
      case .file: try read(tree.open(path), tree.file(path), name, into: builder)
      case .linkedFile, .linkedFolder, .brokenLink, .other: continue
      }
    }
  }

  private func read(
    _ file: InputFile, _ input: InputTree, _ name: String?, into builder: CorpusBuilder
  ) throws {
    try cancellation.check()
    var path = file.path
    if let suffix = CompressedFile.suffixes.first(where: { path.hasSuffix($0) }) {
      path = String(path.dropLast(suffix.count))
    }
    let suffix = path.split(separator: "/").last?.split(separator: ".").dropFirst().last ?? ""
    switch suffix {
    case "jsonl", "ndjson": try readLines(file, into: builder)
    case "npy", "npz", "safetensors", "sumac", "pt":
      try readTensor(input, name, into: builder)
    default:
      let element =
        TokenElement(rawValue: String(suffix)) ?? settings.ids.flatMap(TokenElement.init)
      if let element, suffix != "txt" {
        try readIDs(file, element, into: builder)
      } else {
        try readText(file, into: builder)
      }
    }
  }

  // MARK: Texts

  private func readText(_ file: InputFile, into builder: CorpusBuilder) throws {
    try builder.begin(file.path, .byte)
    var lines = try LineReader(file, limit: lineLimit)
    var isFirst = true
    while let line = try lines.next() {
      try check(line, file.path, lines.byteOffset)
      switch settings.text {
      case .lines:
        guard line.contains(where: { $0 > 0x20 }) else { continue }
        try builder.append(line.last == 0x0D ? line.dropLast() : line)
        try builder.end(id: nil)
      case .file:
        if !isFirst { try builder.append([0x0A]) }
        try builder.append(line)
        isFirst = false
      }
    }
    if settings.text == .file { try builder.end(id: nil) }
  }

  private func check(_ line: ArraySlice<UInt8>, _ path: String, _ byteOffset: Int) throws {
    do { _ = try UTF8Span(validating: line.span) } catch {
      throw FormatError(
        TokenText.code, "expected UTF-8, found invalid bytes", path: path,
        byteOffset: byteOffset + error.byteOffsets.lowerBound)
    }
  }

  private func readLines(_ file: InputFile, into builder: CorpusBuilder) throws {
    try builder.begin(file.path, .byte)
    var lines = try LineReader(file, limit: lineLimit)
    while let line = try lines.next() {
      guard line.contains(where: { $0 > 0x20 }) else { continue }
      if lines.number % 4096 == 0 { try cancellation.check() }
      let document: LineDocument
      do { document = try LineDocument(line.span, field: settings.field) } catch {
        throw FormatError(
          TokenFault.lines.code, "line \(lines.number): \(error.reason)", path: file.path,
          byteOffset: lines.byteOffset + error.byteOffset)
      }
      guard let text = document.text else {
        throw FormatError(
          TokenFault.lines.code,
          "line \(lines.number): expected a string '\(settings.field.printable)', found none",
          path: file.path, byteOffset: lines.byteOffset,
          hint: "name the member that has the text with \(setting: "field")")
      }
      try builder.append(text.utf8)
      try builder.end(id: document.id)
    }
  }

  // MARK: Tokens

  private func readIDs(
    _ file: InputFile, _ element: TokenElement, into builder: CorpusBuilder
  ) throws {
    try builder.begin(file.path, .token)
    var reader = try RawTokenReader.open(file, element, idLimit: Int(Int32.max))
    while true {
      let ids = try reader.next(1 << 16)
      if ids.isEmpty { break }
      try builder.append(Self.bytes(ids))
    }
    try builder.end(id: nil)
  }

  private static func bytes(_ ids: [Int32]) -> [UInt8] {
    ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } }
  }

  private func readTensor(
    _ input: InputTree, _ name: String?, into builder: CorpusBuilder
  ) throws {
    let checkpoint = try Containers.read(input)
    let integers: Set<DType> = [.u8, .u16, .u32, .u64, .i8, .i16, .i32, .i64]
    let fitting = checkpoint.tensors.filter {
      integers.contains($0.info.dtype) && (1...2).contains($0.info.shape.dimensions.count)
        && (name == nil || name == $0.name)
    }
    guard fitting.count == 1, let tensor = fitting.first else {
      throw UsageError(
        "\(input.path.printable) has \(fitting.count.counted("tensor")) of token ids"
          + (name.map { " named '\($0.printable)'" } ?? ""),
        hint: "choose one tensor of integers with one or two dimensions as FILE:NAME")
    }
    try builder.begin(input.path, .token)
    let dimensions = tensor.info.shape.dimensions
    let row = dimensions.count == 2 ? dimensions[1] : dimensions[0]
    guard row > 0 else { return }
    for start in stride(from: 0, to: tensor.info.elementCount, by: row) {
      for part in stride(from: start, to: start + row, by: 1 << 16) {
        try cancellation.check()
        let range = part..<min(start + row, part + 1 << 16)
        try builder.append(Self.bytes(try ids(range, of: tensor, input.path)))
      }
      try builder.end(id: nil)
    }
  }

  private func ids(_ range: Range<Int>, of tensor: LazyTensor, _ path: String) throws -> [Int32] {
    let size = tensor.info.dtype.bitsPerElement / 8
    var values = ByteBuffer(byteCount: range.count * size)
    var scratch = ByteBuffer(
      byteCount: tensor.source.scratchByteCount(elementCount: range.count))
    var span = values.mutableBytes
    var room = scratch.mutableBytes
    try tensor.source.read(range, into: &span, scratch: &room)
    let bytes = values.bytes
    return try range.indices.map { index in
      let start = (index - range.lowerBound) * size
      var bits: UInt64 = 0
      for byte in 0..<size {
        bits |= UInt64(bytes.littleEndian(UInt8.self, at: start + byte) ?? 0) << (8 * byte)
      }
      guard let id = Int32(exactly: bits) else {
        throw FormatError(
          TokenFault.id.code, "element \(index) is not a token id, expected 0 to \(Int32.max)",
          path: path, tensor: tensor.name)
      }
      return id
    }
  }
}

/// The text and the id of a line of JSON lines.
struct LineDocument {
  private(set) var text: String?
  private(set) var id: String?

  /// - Parameter field: The member with the text. The member `id` may be a string or a number.
  init(_ line: Span<UInt8>, field: String) throws(JSONError) {
    var reader = JSONReader(line)
    try reader.enterObject()
    while let key = try reader.nextKey() {
      if key == field, text == nil {
        text = try reader.readString()
      } else if key == "id", id == nil {
        switch try reader.peekKind() {
        case .string: id = try reader.readString()
        case .number: id = try reader.readNumber().text
        case .object, .array, .bool, .null: try reader.skipValue()
        }
      } else {
        try reader.skipValue()
      }
    }
    try reader.finish()
  }
}
