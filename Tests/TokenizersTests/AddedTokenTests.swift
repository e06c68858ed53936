import Base
import TestSupport
import Testing
import Tokenizers

/// Added tokens that take white space, against ids of the tokenizers library 0.23.3.
@Suite struct AddedTokenTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let content: String
    let stripsLeft: Bool
    let stripsRight: Bool
    let text: String
    let ids: [Int32]
    var testDescription: String { "\(content.debugDescription) in \(text.debugDescription)" }

    init(_ content: String, _ sides: String, _ text: String, _ ids: [Int32]) {
      self.content = content
      (stripsLeft, stripsRight) = (sides.contains("l"), sides.contains("r"))
      (self.text, self.ids) = (text, ids)
    }
  }

  private static let cases = [
    Case(" ", "lr", "a   a", [0, 3, 0]), Case(" ", "l", "a   a", [0, 3, 3, 3, 0]),
    Case(" ", "r", "a   a", [0, 3, 3, 3, 0]), Case("  ", "lr", "a     a", [0, 3, 0]),
    Case("  ", "l", "a     a", [0, 3, 3, 1, 0]), Case("  ", "r", "a     a", [0, 3, 3, 0]),
    Case(" ", "lr", "   ", [3]), Case(" ", "r", "   ", [3, 3, 3]),
    Case("a ", "lr", "a   a  a a", [3, 3, 3, 0]), Case("a ", "r", "a   a  a a", [3, 3, 3, 0]),
    Case(" a", "lr", "a   a  a a", [0, 3, 3, 3]),
    Case(" a", "r", "a   a  a a", [0, 1, 1, 3, 3, 3]),
    Case("x", "lr", "a  x  x  a", [0, 3, 3, 0]), Case("x", "l", "a  x  x  a", [0, 3, 3, 1, 1, 0]),
    Case("x", "r", "a  x  x  a", [0, 1, 1, 3, 3, 0]), Case("x", "lr", " x x ", [3, 3]),
  ]

  @Test("a token takes the white space at its sides, at most once", arguments: cases)
  func whiteSpace(item: Case) throws {
    let file: JSONValue = [
      "version": "1.0",
      "added_tokens": [
        [
          "id": 3, "content": .string(item.content), "special": true, "single_word": false,
          "lstrip": .bool(item.stripsLeft), "rstrip": .bool(item.stripsRight), "normalized": true,
        ]
      ],
      "model": [
        "type": "BPE", "vocab": ["a": 0, "<unk>": 1, "aa": 2], "merges": ["a a"],
        "unk_token": "<unk>",
      ],
    ]
    let bytes = Array(file.serialized().utf8)
    let tokenizer = try Tokenizer.load(from: bytes.rawSpan, path: "test")
    #expect(try tokenizer.encode(item.text, addSpecialTokens: false) == item.ids)
  }

  @Test("tokens of white space with different sides end no process", arguments: 0..<400)
  func property(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let contents = [" ", "\n", " \n", "a ", "\ta"].shuffled(using: &random).prefix(3)
    let tokens = contents.enumerated().map { index, content in
      JSONValue.object([
        "id": JSONValue(3 + index), "content": .string(content), "special": true,
        "single_word": .bool(Bool.random(using: &random)),
        "lstrip": .bool(Bool.random(using: &random)),
        "rstrip": .bool(Bool.random(using: &random)), "normalized": true,
      ])
    }
    let file: JSONValue = [
      "version": "1.0", "added_tokens": .array(tokens),
      "model": [
        "type": "BPE", "vocab": ["a": 0, "<unk>": 1, "aa": 2], "merges": ["a a"],
        "unk_token": "<unk>",
      ],
    ]
    let bytes = Array(file.serialized().utf8)
    let tokenizer = try Tokenizer.load(from: bytes.rawSpan, path: "test")
    let text = String((0..<24).map { _ in " \n\taa".randomElement(using: &random) ?? " " })
    let ids = try tokenizer.encode(text, addSpecialTokens: false)
    #expect(!ids.isEmpty && ids.allSatisfy { (0..<6).contains($0) })
  }
}
