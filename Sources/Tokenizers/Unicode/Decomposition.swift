/// The decompositions and compositions of Unicode scalars (UAX #15), with the rules for Hangul syllables of chapter 3.12
/// of the Unicode Standard.
///
/// The standard library has no public function for normalization forms. The tables are those of Unicode 12.0, which
/// the tokenizers library uses.
enum Decomposition {
  private static let canonical = table(CanonicalMappings.text)
  private static let compatibility = table(CompatibilityMappings.text)

  private static let composites: [UInt64: Unicode.Scalar] = {
    var composites: [UInt64: Unicode.Scalar] = [:]
    for (value, mapping) in canonical where mapping.count == 2 {
      guard let scalar = Unicode.Scalar(value), !scalar.properties.isFullCompositionExclusion
      else { continue }
      composites[key(mapping[0], mapping[1])] = scalar
    }
    return composites
  }()

  private static func key(_ a: Unicode.Scalar, _ b: Unicode.Scalar) -> UInt64 {
    UInt64(a.value) << 32 | UInt64(b.value)
  }

  private static func table(_ text: String) -> [UInt32: [Unicode.Scalar]] {
    var table: [UInt32: [Unicode.Scalar]] = [:]
    var source: UInt32 = 0
    for entry in text.split(separator: " ") {
      let parts = entry.split(separator: ":")
      source = parts.count == 2 ? UInt32(parts[0], radix: 16) ?? 0 : source + 1
      table[source] = parts[parts.count - 1].split(separator: ".").compactMap {
        UInt32($0, radix: 16).flatMap(Unicode.Scalar.init)
      }
    }
    return table
  }

  /// Appends the full decomposition of a scalar, without ordering its marks.
  static func append(
    _ scalar: Unicode.Scalar, isCompatibility: Bool, to result: inout [Unicode.Scalar]
  ) {
    if scalar.value < 0xA0 {
      result.append(scalar)
    } else if (0xAC00...0xD7A3).contains(scalar.value) {
      appendJamo(of: scalar.value - 0xAC00, to: &result)
    } else if let mapping = canonical[scalar.value]
      ?? (isCompatibility ? compatibility[scalar.value] : nil)
    {
      for part in mapping { append(part, isCompatibility: isCompatibility, to: &result) }
    } else {
      result.append(scalar)
    }
  }

  private static func appendJamo(of syllable: UInt32, to result: inout [Unicode.Scalar]) {
    let jamo = [
      0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28, 0x11A7 + syllable % 28,
    ]
    for value in jamo where value != 0x11A7 {
      if let scalar = Unicode.Scalar(value) { result.append(scalar) }
    }
  }

  /// Returns the scalar whose canonical decomposition is the pair, unless it is excluded from composition.
  static func composite(_ a: Unicode.Scalar, _ b: Unicode.Scalar) -> Unicode.Scalar? {
    if b.value < 0x300 { return nil }
    if (0x1100..<0x1113).contains(a.value), (0x1161..<0x1176).contains(b.value) {
      return Unicode.Scalar(0xAC00 + ((a.value - 0x1100) * 21 + b.value - 0x1161) * 28)
    }
    if (0xAC00...0xD7A3).contains(a.value), (a.value - 0xAC00) % 28 == 0,
      (0x11A8..<0x11C3).contains(b.value)
    {
      return Unicode.Scalar(a.value + b.value - 0x11A7)
    }
    return composites[key(a, b)]
  }
}
