import Base
import TestSupport
import Testing
import Tokenizers

@Suite struct GoldenTests {
  @Test("ids and decoded texts are those of the library", arguments: TokenizerFixture.names)
  func golden(name: String) throws {
    let fixture = try TokenizerFixture.load(name)
    #expect(fixture.cases.count >= 60)
    var encoder = TokenEncoder(fixture.tokenizer)
    for item in fixture.cases {
      let ids = try encoder.encode(item.text, addSpecialTokens: false)
      #expect(ids == item.ids, "\(item.text.debugDescription)")
      let all = try encoder.encode(item.text, addSpecialTokens: true)
      #expect(all == item.idsWithSpecialTokens, "\(item.text.debugDescription)")
      let decoded = try fixture.tokenizer.decode(item.ids, skippingSpecialTokens: false)
      #expect(decoded.utf8.elementsEqual(item.decoded.utf8), "\(item.text.debugDescription)")
      let skipped = try fixture.tokenizer.decode(item.ids, skippingSpecialTokens: true)
      #expect(
        skipped.utf8.elementsEqual(item.decodedWithoutSpecialTokens.utf8),
        "\(item.text.debugDescription)")
    }
  }

  @Test("each component splits and normalizes as the library does")
  func components() throws {
    let bytes = try Fixtures.bytes("tokenizers/components.json")
    let cases = try JSONValue.parse(bytes.rawSpan).asArray ?? []
    #expect(cases.count >= 600)
    for item in cases {
      guard let kind = item["kind"]?.asString, let component = item["component"],
        let text = item["text"]?.asString, let pieces = item["pieces"]?.asArray
      else {
        Issue.record("a case has another form")
        continue
      }
      // A vocabulary of the expected words shows each of them as an id.
      var vocabulary = JSONObject([("<unk>", 0)])
      for piece in pieces.compactMap(\.asString) where vocabulary[piece] == nil {
        vocabulary[piece] = JSONValue(vocabulary.count)
      }
      let expected = pieces.compactMap { $0.asString.flatMap { vocabulary[$0]?.asInt } }
      let file: JSONValue = [
        "version": "1.0", kind: component,
        "model": ["type": "WordLevel", "unk_token": "<unk>", "vocab": .object(vocabulary)],
      ]
      let data = Array(file.serialized().utf8)
      let tokenizer = try Tokenizer.load(from: data.rawSpan, path: "test")
      let ids = try tokenizer.encode(text, addSpecialTokens: false)
      #expect(
        ids == expected.map { Int32($0) },
        "\(component.serialized()) \(text.debugDescription) \(pieces)")
    }
  }

  @Test("the vocabulary and the special tokens are known")
  func vocabulary() throws {
    let llama = try TokenizerFixture.load("llama2").tokenizer
    #expect(llama.vocabularySize == 980)
    #expect(llama.idLimit == 980)
    #expect(llama.beginningID == 1)
    #expect(llama.endID == nil)
    #expect(llama.id(of: "</s>") == 2)
    #expect(llama.id(of: "no such token") == nil)
    let bert = try TokenizerFixture.load("bert").tokenizer
    #expect(bert.prefixIDs == [2])
    #expect(bert.suffixIDs == [3])
  }
}
