import Base
import Foundation
import Testing
import Tokenizers

@Test func probeAll() throws {
  let data = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "/tmp/tok/all.json")))
  let all = try JSONValue.parse(data.rawSpan)
  for name in TokenizerFixture.names {
    let t = try TokenizerFixture.load(name).tokenizer
    var e = TokenEncoder(t)
    var bad = [0, 0, 0, 0]
    let cases = (all[name]?.asArray ?? []).compactMap(TokenizerFixture.read)
    for c in cases {
      let a = try e.encode(c.text, addSpecialTokens: false)
      if a != c.ids {
        bad[0] += 1
        if bad[0] < 4 { print(name, c.text.debugDescription, a, c.ids) }
      }
      if try e.encode(c.text, addSpecialTokens: true) != c.idsWithSpecialTokens { bad[1] += 1 }
      let d = try t.decode(c.ids, skippingSpecialTokens: false)
      if !d.utf8.elementsEqual(c.decoded.utf8) {
        bad[2] += 1
        if bad[2] < 4 { print(name, d.debugDescription, c.decoded.debugDescription) }
      }
      if !(try t.decode(c.ids, skippingSpecialTokens: true)).utf8.elementsEqual(
        c.decodedWithoutSpecialTokens.utf8)
      {
        bad[3] += 1
      }
    }
    print("PROBE", name, cases.count, "differ", bad)
  }
  for (name, file) in [
    ("llama3", "big.txt"), ("gpt2", "big.txt"), ("llama2", "big.txt"), ("bert", "big.txt"),
    ("llama3", "aaa.txt"), ("llama2", "aaa.txt"),
  ] {
    let t = try TokenizerFixture.load(name).tokenizer
    guard let text = try? String(contentsOfFile: "/tmp/tok/" + file, encoding: .utf8) else {
      continue
    }
    let clock = ContinuousClock()
    var n = 0
    let d = try clock.measure { n = try t.encode(text, addSpecialTokens: false).count }
    print("SPEED", name, file, text.utf8.count, n, d)
  }
}
