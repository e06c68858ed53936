import Base
import Tokenizers

/// The fuzz target for tokenizer files: a file that is read encodes texts, and decodes their ids.
enum TokenizerTarget {
  private static let texts = [
    "", "It's 12 a\u{301}\u{1F600}\n\n  <s> the\tend ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  ]

  static func run(_ bytes: [UInt8]) {
    guard bytes.count <= 1 << 16,
      let tokenizer = try? Tokenizer.load(from: bytes.rawSpan, path: "fuzz")
    else { return }
    for text in texts {
      guard let ids = try? tokenizer.encode(text, addSpecialTokens: true) else { continue }
      precondition(
        ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.idLimit }, "an id is not in the vocabulary")
      _ = try? tokenizer.decode(ids, skippingSpecialTokens: true)
    }
  }
}
