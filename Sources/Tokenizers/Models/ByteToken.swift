/// Tokens such as `<0x0A>`, which stand for one byte.
enum ByteToken {
  static func token(of byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x\(byte < 16 ? "0" : "")\(digits)>"
  }

  /// Returns the ids of the tokens of all bytes, or -1.
  static func ids(in vocabulary: TokenTable) -> [Int32] {
    (0..<256).map { vocabulary.id(Array(token(of: UInt8($0)).utf8)) ?? -1 }
  }

  static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else {
      return nil
    }
    // The library reads a sign before one digit too.
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }
}
