import Base

/// The normalization of SentencePiece by a map of character sequences, which its trainer compiled.
///
/// A character in the sense of grapheme clusters, if it has fewer than 6 bytes, is replaced as a whole if the map has it
/// or one of its prefixes; otherwise each of its scalars is looked up. Both rules are those of the tokenizers library.
struct PrecompiledNormalizer: Normalizer {
  private static let clusterByteLimit = 6

  private let map: CharacterMap

  static func read(_ component: inout Component) throws -> any Normalizer {
    let text = try component.string("precompiled_charsmap")
    guard let bytes = Base64.decoded(text), let map = CharacterMap(bytes) else {
      throw component.error(.file, "'precompiled_charsmap' is not a map of characters in Base64")
    }
    return PrecompiledNormalizer(map: map)
  }

  func normalize(_ text: inout NormalizedText) {
    var result: [UInt8] = []
    result.reserveCapacity(text.bytes.count)
    var isFirst = true
    for cluster in String(decoding: text.bytes, as: UTF8.self) {
      let whole = Array(cluster.utf8)
      if whole.count < Self.clusterByteLimit, let found = map.replacement(of: whole[...]) {
        if isFirst, found.isEmpty { text.startsAtOrigin = false }
        result += found
      } else {
        for scalar in cluster.unicodeScalars {
          let bytes = UTF8Text.bytes([scalar])
          let found = map.replacement(of: bytes[...]) ?? bytes[...]
          if isFirst, found.isEmpty { text.startsAtOrigin = false }
          result += found
          isFirst = false
        }
      }
      isFirst = false
    }
    text.bytes = result
  }
}

/// A map from byte strings to texts: a double-array trie, whose values are places of texts that end with a zero byte.
///
/// Source: Aoe, "An efficient digital search algorithm by using a double-array structure", 1989, in the form of the
/// Darts-clone library that SentencePiece uses: a unit of 32 bits has the byte that leads to it in bits 0 to 7, whether it
/// has a value in bit 8, the factor 256 of its offset in bit 9, and the offset from bit 10 on.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let texts: [UInt8]

  /// Creates a map from the length of the trie in bytes, the trie and the texts; nil if they are malformed.
  init?(_ bytes: [UInt8]) {
    let span = bytes.rawSpan
    guard let length = span.littleEndian(UInt32.self, at: 0).map({ Int($0) }), length > 0,
      length % 4 == 0, length <= bytes.count - 4
    else { return nil }
    units = (0..<length / 4).map { span.littleEndian(UInt32.self, at: 4 + 4 * $0) ?? 0 }
    texts = Array(bytes[(4 + length)...])
    guard isValid, String(validating: texts, as: UTF8.self) != nil else { return nil }
  }

  private static func offset(_ unit: UInt32) -> Int {
    Int(unit >> 10) << (unit & 1 << 9 == 0 ? 0 : 8)
  }

  /// The byte that leads to a unit; above 255 for a value.
  private static func label(_ unit: UInt32) -> Int { Int(unit & (1 << 31 | 0xFF)) }

  private static func hasValue(_ unit: UInt32) -> Bool { unit & 1 << 8 != 0 }

  private func value(at base: Int) -> Int { Int(units[base] & ~(1 << 31)) }

  /// True if all units that a search can reach are inside of the array, and all values inside of the texts.
  private var isValid: Bool {
    var isSeen = [Bool](repeating: false, count: units.count)
    var open = [0]
    isSeen[0] = true
    while let place = open.popLast() {
      let base = place ^ Self.offset(units[place])
      // The children of a unit differ in the lowest 8 bits.
      guard base | 0xFF < units.count else { return false }
      if Self.hasValue(units[place]), value(at: base) > texts.count { return false }
      for byte in 1...0xFF {
        let child = base ^ byte
        guard Self.label(units[child]) == byte, !isSeen[child] else { continue }
        isSeen[child] = true
        open.append(child)
      }
    }
    return true
  }

  /// Returns the text for the shortest prefix of `key` that the map has; nil if there is none.
  func replacement(of key: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var base = Self.offset(units[0])
    for byte in key where byte != 0 {
      let place = base ^ Int(byte)
      let unit = units[place]
      guard Self.label(unit) == Int(byte) else { return nil }
      base = place ^ Self.offset(unit)
      if Self.hasValue(unit) {
        return texts[value(at: base)...].prefix { $0 != 0 }
      }
    }
    return nil
  }
}

/// Base64 as RFC 4648 defines it, with padding.
enum Base64 {
  /// Returns the bytes of a text; nil if it is not Base64.
  static func decoded(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 4 == 0 else { return nil }
    let padding = digits.suffix(2).count { $0 == UInt8(ascii: "=") }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 4 * 3)
    var (bits, count): (UInt32, Int) = (0, 0)
    for digit in digits.dropLast(padding) {
      guard let value = value(digit) else { return nil }
      bits = bits << 6 | value
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
