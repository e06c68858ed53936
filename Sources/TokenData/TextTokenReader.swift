package import Base
package import Tokenizers

/// A reader that tokenizes texts: a file that is one text, or the lines of a JSON lines file.
package struct TextTokenReader: TokenReader {
  /// The form of a file with texts.
  package enum Form: Equatable, Sendable {
    /// The file is one text.
    case text
    /// Each line that is not empty is a text, without the white space at its ends.
    case sentences
    /// Each line that is not empty is a JSON object with a text in this member.
    case lines(member: String)
  }

  /// The largest text that is tokenized at once.
  package static let textByteLimit = 1 << 28
  private static let blockByteCount = 1 << 20

  private let file: InputFile
  private let form: Form
  private let addSpecialTokens: Bool
  private var encoder: TokenEncoder
  /// Bytes of the file that were read and not used yet.
  private var pending: [UInt8] = []
  private var pendingStart = 0
  private var readByteCount = 0
  private var lineNumber = 0
  private var ids: [Int32] = []
  private var usedCount = 0

  /// - Parameter addSpecialTokens: True to add the tokens for the beginning and the end to each text.
  package init(
    _ file: InputFile, _ form: Form, _ tokenizer: Tokenizer, addSpecialTokens: Bool
  ) {
    (self.file, self.form, self.addSpecialTokens) = (file, form, addSpecialTokens)
    encoder = TokenEncoder(tokenizer)
  }

  package mutating func next(_ maximumCount: Int) throws -> [Int32] {
    while usedCount == ids.count {
      guard let text = try nextText() else { return [] }
      ids = try encoder.encode(text, addSpecialTokens: addSpecialTokens)
      usedCount = 0
    }
    let count = min(maximumCount, ids.count - usedCount)
    defer { usedCount += count }
    return Array(ids[usedCount..<usedCount + count])
  }

  /// Returns all ids of the next text; nil at the end.
  package mutating func nextWholeText() throws -> [Int32]? {
    try nextText().map { try encoder.encode($0, addSpecialTokens: addSpecialTokens) }
  }

  private mutating func nextText() throws -> String? {
    switch form {
    case .text:
      guard readByteCount == 0, file.byteCount > 0 else { return nil }
      guard file.byteCount <= Self.textByteLimit else { throw tooLarge(byteOffset: nil) }
      readByteCount = file.byteCount
      return try string(try file.bytes(at: 0, count: file.byteCount), byteOffset: 0)
    case .sentences:
      while let (line, byteOffset) = try nextLine() {
        lineNumber += 1
        guard let first = line.firstIndex(where: { !Self.isSpace($0) }),
          let last = line.lastIndex(where: { !Self.isSpace($0) })
        else { continue }
        return try string(Array(line[first...last]), byteOffset: byteOffset + first)
      }
      return nil
    case .lines(let member):
      while let (line, byteOffset) = try nextLine() {
        lineNumber += 1
        if line.contains(where: { !Self.isSpace($0) }) {
          return try text(line, member, byteOffset: byteOffset)
        }
      }
      return nil
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0D
  }

  private func tooLarge(byteOffset: Int?) -> FormatError {
    FormatError(
      TokenFault.text, "a text has more than \(Self.textByteLimit) bytes", path: file.path,
      byteOffset: byteOffset)
  }

  private func string(_ bytes: [UInt8], byteOffset: Int) throws -> String {
    let span = bytes.span
    do {
      return String(copying: try UTF8Span(validating: span))
    } catch {
      throw FormatError(
        TokenFault.text, "expected UTF-8, found invalid bytes", path: file.path,
        byteOffset: byteOffset + error.byteOffsets.lowerBound)
    }
  }

  /// Returns the text in a line.
  private func text(_ line: [UInt8], _ member: String, byteOffset: Int) throws -> String {
    let value: JSONValue
    do {
      value = try JSONValue.parse(line.rawSpan)
    } catch {
      throw FormatError(
        .lines, "line \(lineNumber): \(error.reason)", path: file.path,
        byteOffset: byteOffset + error.byteOffset)
    }
    guard let text = value[member]?.asString else {
      let found = value[member].map { "\($0.kind)" } ?? "none"
      throw FormatError(
        .lines, "line \(lineNumber): expected a string '\(member.printable)', found \(found)",
        path: file.path, byteOffset: byteOffset)
    }
    return text
  }

  /// Returns the next line without its line feed, and its place in the file; nil at the end.
  private mutating func nextLine() throws -> ([UInt8], byteOffset: Int)? {
    var searched = pendingStart
    while true {
      if let end = pending[searched...].firstIndex(of: 0x0A) {
        let place = readByteCount - (pending.count - pendingStart)
        let line = Array(pending[pendingStart..<end])
        pendingStart = end + 1
        return (line, place)
      }
      guard pending.count - pendingStart <= Self.textByteLimit else {
        throw tooLarge(byteOffset: readByteCount - (pending.count - pendingStart))
      }
      pending.removeSubrange(..<pendingStart)
      pendingStart = 0
      searched = pending.count
      let count = min(Self.blockByteCount, file.byteCount - readByteCount)
      guard count > 0 else {
        guard !pending.isEmpty else { return nil }
        defer { pending = [] }
        return (pending, readByteCount - pending.count)
      }
      pending += try file.bytes(at: readByteCount, count: count)
      readByteCount += count
    }
  }
}
