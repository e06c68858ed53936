import Base
import Foundation
import TestSupport
import Testing
import TokenData
import Tokenizers

@Suite struct TokenReaderTests {
  /// Calls `body` with a file that has the given bytes.
  private func withFile(_ bytes: [UInt8], _ body: (InputFile) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try Data(bytes).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    try body(InputFile(path: path.path))
  }

  private func all(_ reader: some TokenReader, _ count: Int) throws -> [Int32] {
    var reader = reader
    var ids: [Int32] = []
    while true {
      let next = try reader.next(count)
      if next.isEmpty { return ids }
      ids += next
    }
  }

  private func tokenizer() throws -> Tokenizer {
    let bytes = try Fixtures.bytes("tokenizers/llama3.tokenizer.json")
    return try Tokenizer.load(from: bytes.rawSpan, path: "llama3")
  }

  @Test("ids of each type are read", arguments: TokenElement.allCases)
  func raw(element: TokenElement) throws {
    let ids = (0..<100_000).map { Int32($0 % 1000) }
    var bytes: [UInt8] = []
    for id in ids {
      for byte in 0..<element.byteCount {
        bytes.append(UInt8(truncatingIfNeeded: Int64(id) >> Int64(8 * byte)))
      }
    }
    try withFile(bytes) { file in
      var reader = try RawTokenReader.open(file, element, idLimit: 1000)
      #expect(reader.count == ids.count)
      let read = try all(reader, 777)
      #expect(read == ids)
      #expect(try reader.nextWindow(60_000) == Array(ids[..<60_000]))
      #expect(try reader.nextWindow(60_000) == nil)
    }
  }

  @Test("an id outside of the vocabulary is an error that names its position")
  func outside() throws {
    try withFile([1, 0, 2, 0, 9, 0]) { file in
      var reader = try RawTokenReader.open(file, .u16, idLimit: 9)
      let error = #expect(throws: FormatError.self) { try reader.next(10) }
      #expect(error?.code == TokenFault.id.code)
      #expect(error?.byteOffset == 4)
      #expect(error?.description.contains("id 9 at position 2") == true)
      #expect(throws: FormatError.self) {
        try RawTokenReader.open(file, .u32, idLimit: 9)
      }
    }
  }

  @Test("a text gives the ids of its tokenizer, in pieces of any size", arguments: [1, 7, 10_000])
  func text(count: Int) throws {
    let tokenizer = try tokenizer()
    let text = String(repeating: "It's 1234 words.\n\n  é\u{1F600} ", count: 50)
    try withFile(Array(text.utf8)) { file in
      let reader = TextTokenReader(file, .text, tokenizer, addSpecialTokens: true)
      let expected = try tokenizer.encode(text, addSpecialTokens: true)
      let ids = try all(reader, count)
      #expect(ids == expected)
    }
  }

  @Test("each line of a JSON lines file is a text of its own")
  func lines() throws {
    let tokenizer = try tokenizer()
    let texts = (0..<3000).map { String(repeating: "line \($0)\n ", count: $0 % 90) + "x" }
    var content = ""
    for text in texts {
      content += (["id": 1, "text": .string(text)] as JSONValue).serialized() + "\r\n\n"
    }
    let expected = try texts.flatMap { try tokenizer.encode($0, addSpecialTokens: true) }
    for end in [content, String(content.dropLast(2))] {
      try withFile(Array(end.utf8)) { file in
        let reader = TextTokenReader(
          file, .lines(member: "text"), tokenizer, addSpecialTokens: true)
        let ids = try all(reader, 1000)
        #expect(ids == expected)
      }
    }
  }

  private static let malformedFiles: [([UInt8], TextTokenReader.Form, String, Int)] = [
    ([0x61, 0xFF], .text, "tokens.text", 1),
    (Array("{\"text\":\"a\"}\n{\"text\":1}".utf8), .lines(member: "text"), "tokens.lines", 13),
    (Array("{\"text\":\"a\"}\n\n {]".utf8), .lines(member: "text"), "tokens.lines", 16),
    (Array("{\"txt\":\"a\"}".utf8), .lines(member: "text"), "tokens.lines", 0),
  ]

  @Test("malformed texts are errors with their place", arguments: malformedFiles)
  func malformed(
    bytes: [UInt8], form: TextTokenReader.Form, code: String, byteOffset: Int
  ) throws {
    let tokenizer = try tokenizer()
    try withFile(bytes) { file in
      let reader = TextTokenReader(file, form, tokenizer, addSpecialTokens: false)
      let error = #expect(throws: FormatError.self) { try all(reader, 10) }
      #expect(error?.code.description == code)
      #expect(error?.byteOffset == byteOffset)
    }
  }
}
