import Base
import TestSupport
import Tokenizers

/// A tokenizer of the fixtures, and what the tokenizers library made of some texts with it.
struct TokenizerFixture {
  struct Case {
    var text: String
    var ids: [Int32]
    var idsWithSpecialTokens: [Int32]
    var decoded: String
    var decodedWithoutSpecialTokens: String
  }

  static let names = [
    "bert", "clip", "gpt2", "llama2", "llama3", "metaspace", "nfkc", "o200k", "qwen", "unigram",
    "unigram-bytes", "unigram-whole",
  ]

  let tokenizer: Tokenizer
  let cases: [Case]

  static func load(_ name: String) throws -> TokenizerFixture {
    let bytes = try Fixtures.bytes("tokenizers/\(name).cases.json")
    let value = try JSONValue.parse(bytes.rawSpan)
    let file = try Fixtures.bytes("tokenizers/\(name).tokenizer.json")
    return TokenizerFixture(
      tokenizer: try Tokenizer.load(from: file.rawSpan, path: name),
      cases: (value.asArray ?? []).compactMap(Self.read))
  }

  static func read(_ value: JSONValue) -> Case? {
    guard let parts = value.asArray, parts.count == 5, let text = parts[0].asString,
      let decoded = parts[3].asString, let skipped = parts[4].asString
    else { return nil }
    return Case(
      text: text, ids: ids(parts[1]), idsWithSpecialTokens: ids(parts[2]), decoded: decoded,
      decodedWithoutSpecialTokens: skipped)
  }

  static func ids(_ value: JSONValue) -> [Int32] {
    (value.asArray ?? []).compactMap { $0.asInt.flatMap { Int32(exactly: $0) } }
  }
}
