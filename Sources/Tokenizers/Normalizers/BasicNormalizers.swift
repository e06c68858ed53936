/// A normalization form of Unicode.
struct FormNormalizer: Normalizer {
  let form: NormalForm

  static func read(_ component: inout Component) throws -> any Normalizer {
    let name = try component.type()
    guard let form = NormalForm(rawValue: name) else {
      throw component.unknown(name, known: NormalForm.allCases.map(\.rawValue))
    }
    return FormNormalizer(form: form)
  }

  func normalize(_ text: inout NormalizedText) {
    guard !UTF8Text.isASCII(text.bytes) else { return }
    text.bytes = UTF8Text.bytes(form.applied(to: UTF8Text.scalars(text.bytes)))
  }
}

/// Lowercases each scalar by itself.
struct LowercaseNormalizer: Normalizer {
  static func read(_ component: inout Component) -> any Normalizer { LowercaseNormalizer() }

  func normalize(_ text: inout NormalizedText) { text.bytes = Self.lowercased(text.bytes) }

  static func lowercased(_ bytes: [UInt8]) -> [UInt8] {
    if UTF8Text.isASCII(bytes) { return bytes.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 } }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for scalar in UTF8Text.scalars(bytes) { result += scalar.properties.lowercaseMapping.utf8 }
    return result
  }
}

/// Puts a text before a text that is not empty.
struct PrependNormalizer: Normalizer {
  let prefix: [UInt8]

  static func read(_ component: inout Component) throws -> any Normalizer {
    PrependNormalizer(prefix: Array(try component.string("prepend").utf8))
  }

  func normalize(_ text: inout NormalizedText) {
    if !text.bytes.isEmpty { text.bytes.insert(contentsOf: prefix, at: 0) }
  }
}

/// Replaces the matches of a pattern.
struct ReplaceNormalizer: Normalizer {
  let pattern: TextPattern
  let content: [UInt8]

  static func read(_ component: inout Component) throws -> any Normalizer {
    ReplaceNormalizer(
      pattern: try component.pattern("pattern"),
      content: Array(try component.string("content").utf8))
  }

  func normalize(_ text: inout NormalizedText) throws(PatternMatcher.TooManySteps) {
    if content.isEmpty {
      var removesStart = false
      let bytes = text.bytes
      let span = bytes.span
      try pattern.forEachMatch(in: span, 0..<bytes.count) {
        if $0.lowerBound == 0, !$0.isEmpty { removesStart = true }
      }
      if removesStart { text.startsAtOrigin = false }
    }
    text.bytes = try pattern.replacing(text.bytes, with: content)
  }
}

/// Removes white space at the ends.
struct StripNormalizer: Normalizer {
  let stripsLeft: Bool
  let stripsRight: Bool

  static func read(_ component: inout Component) throws -> any Normalizer {
    StripNormalizer(
      stripsLeft: try component.bool("strip_left"), stripsRight: try component.bool("strip_right"))
  }

  func normalize(_ text: inout NormalizedText) {
    var scalars = UTF8Text.scalars(text.bytes)[...]
    if stripsLeft {
      let kept = scalars.drop { $0.properties.isWhitespace }
      if kept.count < scalars.count { text.startsAtOrigin = false }
      scalars = kept
    }
    if stripsRight {
      while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
    }
    text.bytes = UTF8Text.bytes(Array(scalars))
  }
}

/// Removes all marks.
struct StripAccentsNormalizer: Normalizer {
  static func read(_ component: inout Component) -> any Normalizer { StripAccentsNormalizer() }

  func normalize(_ text: inout NormalizedText) { text.remove(where: OldCategories.isMark) }
}

/// Turns each byte into the scalar that stands for it.
struct ByteLevelNormalizer: Normalizer {
  static func read(_ component: inout Component) -> any Normalizer { ByteLevelNormalizer() }

  func normalize(_ text: inout NormalizedText) {
    text.bytes = ByteAlphabet.encoded(text.bytes[...])
  }
}

extension NormalizedText {
  /// Removes the scalars for which `isRemoved` returns true.
  mutating func remove(where isRemoved: (UInt32) -> Bool) {
    let scalars = UTF8Text.scalars(bytes)
    if let first = scalars.first, isRemoved(first.value) { startsAtOrigin = false }
    bytes = UTF8Text.bytes(scalars.filter { !isRemoved($0.value) })
  }
}
