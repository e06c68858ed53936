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
  /// The member of the objects in JSON lines that has the text; nil for `text`.
  package var field: String?
  /// The documents of a text file; nil for the whole file.
  package var text: TextDocuments?
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
  private let memory: ScanMemory
  private let cancellation: Cancellation
  private let note: (Message) -> Void
  private let standardInput: () throws -> String
  private let catalogLimit: CatalogLimit

  /// The largest number of bytes of a text that are checked at a time.
  private static let blockByteCount = 1 << 20
  /// The path that stands for standard input, and its name in messages and reports.
  static let standardInputPath = "-"
  private static let standardInputName = "standard input"
  /// The largest number of bytes of the id of a document.
  private static let idByteLimit = 1 << 10
  /// The member of JSON lines that has the text, unless another is chosen.
  private static let field = "text"

  /// - Parameters:
  ///   - memory: The limit of resident memory.
  ///   - standardInput: Copies standard input to a file, and returns its path.
  ///   - note: Called for each entry of a folder that is not read.
  package init(
    _ settings: DataSettings, temporaryFolder: String, memory: Int, cancellation: Cancellation,
    standardInput: @escaping () throws -> String = { DataReader.standardInputPath },
    note: @escaping (Message) -> Void
  ) {
    self.settings = settings
    self.standardInput = standardInput
    self.temporaryFolder = temporaryFolder
    self.memory = ScanMemory(limit: memory)
    self.cancellation = cancellation
    self.note = note
    catalogLimit = CatalogLimit(byteCount: memory, use: .report)
    lineLimit = Self.lineLimit(memory: memory)
  }

  /// Returns the largest number of bytes of a line.
  static func lineLimit(memory: Int) -> Int { max(1 << 20, memory / 16) }

  /// Reads all documents.
  /// - Throws: ``FormatError`` with the line or byte of the fault, ``FileError`` or ``UsageError``.
  package func corpus() throws -> Corpus {
    let builder = try CorpusBuilder(
      in: temporaryFolder, memory: memory, cancellation: cancellation)
    for (index, path) in settings.paths.enumerated() {
      guard path == Self.standardInputPath else {
        try read(path, into: builder)
        continue
      }
      guard !settings.paths[..<index].contains(path) else {
        noteRepeated(Self.standardInputName)
        continue
      }
      try readStandardInput(into: builder)
    }
    let corpus = try builder.finished()
    try checkUse(of: corpus)
    return corpus
  }

  /// - Throws: ``UsageError`` for settings that do not apply to any of the inputs.
  private func checkUse(of corpus: Corpus) throws {
    var (lines, texts, isTyped) = (false, false, false)
    for source in corpus.sources {
      switch source.origin.form {
      case .objects: lines = true
      case .lines, .text: texts = true
      case .ids: isTyped = isTyped || DataName(source.path) == .other
      case .tensor: break
      }
    }
    var faults: [UsageError] = []
    func check(_ isGiven: Bool, _ applies: Bool, _ key: String, _ reason: String) {
      guard isGiven, !applies else { return }
      faults.append(
        UsageError("\(setting: key) \(reason)", hint: "leave out \(setting: key)"))
    }
    check(
      settings.field != nil, lines, "field",
      "names a member of JSON lines (.jsonl, .ndjson), but the data have none")
    check(
      settings.text != nil, texts, "documents", "divides text files, but the data have none")
    check(
      settings.ids != nil, isTyped, "ids",
      "is the type of ids in files whose suffix states no form, but the data have none")
    try SeveralErrors.throwIfAny(faults)
  }

  private func noteRepeated(_ path: String) {
    note("\(path.printable) is a file that was read already and was not read again")
  }

  private func read(_ data: String, into builder: CorpusBuilder) throws {
    let place = try TensorPath(data)
    let input = try InputTree(path: place.path, limit: catalogLimit)
    guard try input.isFolder || builder.isNew(place.path, tensor: place.name) else {
      return noteRepeated(data)
    }
    if let name = place.name { return try readTensor(input, name, into: builder) }
    if !input.isFolder, Archives.isLikely(input), let tree = try Archives.tree(of: input) {
      return try readFolder(tree, "", into: builder)
    }
    guard !input.isFolder else { return try readFolder(input, "", into: builder) }
    try read(input.openNamedFile(), input, into: builder)
  }

  /// Reads standard input: ids if their type is given, JSON lines if it starts with a brace, otherwise a text.
  private func readStandardInput(into builder: CorpusBuilder) throws {
    let file = try InputFile(path: standardInput(), name: Self.standardInputName)
    if let element = settings.ids.flatMap(TokenElement.init) {
      return try readIDs(file, element, into: builder)
    }
    let start = try ByteStream(file, cancellation).next(Self.blockByteCount)
    if start.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") {
      try readLines(file, into: builder)
    } else {
      try readText(file, into: builder)
    }
  }

  private func readFolder(
    _ tree: InputTree, _ folder: String, into builder: CorpusBuilder
  ) throws {
    for entry in try tree.entries(in: folder) {
      let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
      func leaveOut(_ kind: String) {
        note("\(tree.path(of: path).printable) is \(kind) and was not read")
      }
      switch entry.kind {
      case .folder: try readFolder(tree, path, into: builder)
      case .file, .linkedFile:
        guard try builder.isNew(tree.path(of: path)) else {
          noteRepeated(tree.path(of: path))
          continue
        }
        let file = try tree.file(path)
        try read(file.openNamedFile(), file, into: builder)
      case .linkedFolder: leaveOut("a link to a folder")
      case .brokenLink: leaveOut("a link to a file that does not exist")
      case .other: leaveOut("neither a file nor a folder")
      }
    }
  }

  private func read(
    _ file: InputFile, _ input: InputTree, into builder: CorpusBuilder
  ) throws {
    try cancellation.check()
    switch DataName(file.path) {
    case .lines: try readLines(file, into: builder)
    case .tensor: try readTensor(input, nil, into: builder)
    case .ids(let element): try readIDs(file, element, into: builder)
    case .text: try readText(file, into: builder)
    case .other:
      if let element = settings.ids.flatMap(TokenElement.init) {
        try readIDs(file, element, into: builder)
      } else {
        try readText(file, into: builder)
      }
    }
  }

  // MARK: Texts

  private func readText(_ file: InputFile, into builder: CorpusBuilder) throws {
    try builder.begin(
      file.path, .byte, DataOrigin(settings.text == .lines ? .lines : .text, file))
    switch settings.text ?? .file {
    case .file:
      try readBlocks(file, into: builder)
      try builder.end(.number)
    case .lines:
      var lines = try LineReader(file, limit: lineLimit, cancellation)
      while let line = try lines.next() {
        try check(line, file.path, lines.byteOffset)
        guard line.contains(where: { $0 > 0x20 }) else { continue }
        try builder.append(line.last == 0x0D ? line.dropLast() : line)
        try builder.end(.line(lines.number))
      }
    }
  }

  /// Adds a text of any length to the current document.
  private func readBlocks(_ file: InputFile, into builder: CorpusBuilder) throws {
    let stream = try ByteStream(file, cancellation)
    var byteOffset = 0
    /// The bytes that follow the last whole character.
    var rest: [UInt8] = []
    while true {
      let block = try stream.next(Self.blockByteCount)
      let bytes = rest + block
      let end = block.isEmpty ? bytes.count : CorpusPass.characterEnd(in: bytes)
      try check(bytes[..<end], file.path, byteOffset)
      try builder.append(bytes[..<end])
      guard !block.isEmpty else { return }
      byteOffset += end
      rest = Array(bytes[end...])
    }
  }

  private func check(_ line: ArraySlice<UInt8>, _ path: String, _ byteOffset: Int) throws {
    do { _ = try UTF8Span(validating: line.span) } catch {
      throw FormatError(
        TokenText.code, "expected UTF-8, found invalid bytes", path: path,
        byteOffset: byteOffset + error.byteOffsets.lowerBound)
    }
  }

  private func readLines(_ file: InputFile, into builder: CorpusBuilder) throws {
    let field = settings.field ?? Self.field
    try builder.begin(file.path, .byte, DataOrigin(.objects(field: field), file))
    var lines = try LineReader(file, limit: lineLimit, cancellation)
    while let line = try lines.next() {
      guard line.contains(where: { $0 > 0x20 }) else { continue }
      let document: LineDocument
      do { document = try LineDocument(line.span, field: field) } catch {
        throw FormatError(
          TokenFault.lines.code, "line \(lines.number): \(error.reason)", path: file.path,
          byteOffset: lines.byteOffset + error.byteOffset)
      }
      guard let text = document.text else {
        throw FormatError(
          TokenFault.lines.code,
          "line \(lines.number): expected a string '\(field.printable)', found none",
          path: file.path, byteOffset: lines.byteOffset,
          hint: "name the member that has the text with \(setting: "field")")
      }
      try builder.append(text.utf8)
      let id = document.id ?? ""
      guard id.utf8.count <= Self.idByteLimit else {
        throw FormatError(
          TokenFault.lines.code,
          "line \(lines.number): the id has \(id.utf8.count.grouped) bytes, expected at most \(Self.idByteLimit.grouped)",
          path: file.path, byteOffset: lines.byteOffset)
      }
      try builder.end(id.isEmpty ? .line(lines.number) : .id(id))
    }
  }

  // MARK: Tokens

  private func readIDs(
    _ file: InputFile, _ element: TokenElement, into builder: CorpusBuilder
  ) throws {
    try builder.begin(file.path, .token, DataOrigin(.ids(element), file))
    var reader = try RawTokenReader.open(file, element, idLimit: Int(Int32.max))
    while true {
      try cancellation.check()
      let ids = try reader.next(1 << 16)
      if ids.isEmpty { break }
      try builder.append(ids: ids)
    }
    try builder.end(.number)
  }

  private func readTensor(
    _ input: InputTree, _ name: String?, into builder: CorpusBuilder
  ) throws {
    let checkpoint = try Containers.read(input)
    if let name, let fault = checkpoint.tensors.first(where: { $0.name.equalsAsBytes(name) })?.fault
    {
      throw fault
    }
    let fitting = checkpoint.tensors.filter {
      $0.fault == nil && TokenInteger(dtypeName: $0.info.dtype.name) != nil
        && (1...2).contains($0.info.shape.dimensions.count)
    }
    let chosen = fitting.filter { tensor in name.map { tensor.name.equalsAsBytes($0) } ?? true }
    guard chosen.count == 1, let tensor = chosen.first else {
      let names = fitting.prefix(Self.namedTensorCount).map(\.name.printable)
        .joined(separator: ", ")
      let wanted = name.map { " named '\($0.printable)'" } ?? ""
      throw UsageError(
        "\(input.path.printable) has \(chosen.count.counted("tensor"))\(wanted) of integers with one or two dimensions",
        hint: names.isEmpty ? nil : "choose one as \(input.path.printable):NAME; it has \(names)")
    }
    try builder.begin(input.path, .token, DataOrigin(tensor, of: checkpoint))
    let dimensions = tensor.info.shape.dimensions
    let row = dimensions.count == 2 ? dimensions[1] : dimensions[0]
    guard row > 0 else { return }
    for start in stride(from: 0, to: tensor.info.elementCount, by: row) {
      for part in stride(from: start, to: start + row, by: 1 << 16) {
        try cancellation.check()
        let range = part..<min(start + row, part + 1 << 16)
        try builder.append(ids: try ids(range, of: tensor, input.path))
      }
      try builder.end(.number)
    }
  }

  /// The number of tensors that an error names.
  private static let namedTensorCount = 20

  private func ids(_ range: Range<Int>, of tensor: LazyTensor, _ path: String) throws -> [Int32] {
    guard let integer = TokenInteger(dtypeName: tensor.info.dtype.name) else { return [] }
    var values = ByteBuffer(byteCount: range.count * integer.byteCount)
    var scratch = ByteBuffer(
      byteCount: tensor.source.scratchByteCount(elementCount: range.count))
    var span = values.mutableBytes
    var room = scratch.mutableBytes
    try tensor.source.read(range, into: &span, scratch: &room)
    return try integer.ids(in: values.bytes, below: Int(Int32.max) + 1) { index, value in
      FormatError(
        TokenFault.id.code,
        "element \(range.lowerBound + index) is \(value), expected a token id from 0 to \(Int32.max)",
        path: path, tensor: tensor.name)
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
