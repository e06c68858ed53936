import Base
import TestSupport
import Testing
import Tokenizers

@Suite struct PropertyTests {
  @Test("byte-level tokenizers give every text back", arguments: ["gpt2", "llama3"])
  func roundTrip(name: String) throws {
    let tokenizer = try TokenizerFixture.load(name).tokenizer
    var encoder = TokenEncoder(tokenizer)
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<300 {
      var text = ""
      for _ in 0..<Int.random(in: 0...60, using: &generator) {
        let limit: UInt32 = Bool.random(using: &generator) ? 0x7F : 0x1_FFFF
        let value = UInt32.random(in: 0...limit, using: &generator)
        if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
      }
      let ids = try encoder.encode(text, addSpecialTokens: false)
      let decoded = try tokenizer.decode(ids, skippingSpecialTokens: false)
      #expect(decoded.utf8.elementsEqual(text.utf8))
    }
  }

  @Test("an encoder that remembers words gives the ids of one that does not")
  func cache() throws {
    let fixture = try TokenizerFixture.load("qwen")
    var encoder = TokenEncoder(fixture.tokenizer)
    for _ in 0..<2 {
      for item in fixture.cases {
        #expect(
          try encoder.encode(item.text, addSpecialTokens: true)
            == fixture.tokenizer.encode(item.text, addSpecialTokens: true))
      }
    }
  }

  @Test(
    "a long word without spaces is tokenized, whatever the length of the shorter ones",
    arguments: ["gpt2", "llama2", "llama3", "metaspace"])
  func longWord(name: String) throws {
    let tokenizer = try TokenizerFixture.load(name).tokenizer
    for text in ["a", "ab", "the", "你"] {
      let long = String(repeating: text, count: 200_000)
      let ids = try tokenizer.encode(long, addSpecialTokens: false)
      #expect(try tokenizer.decode(ids, skippingSpecialTokens: false) == long)
    }
  }
}
