/// A step that changes a text before it is split.
protocol Normalizer: Sendable {
  /// Reads the options of the component; the caller checks that there are no others.
  static func read(_ component: inout Component) throws -> any Normalizer
  func normalize(_ text: inout NormalizedText) throws(PatternMatcher.TooManySteps)
}

/// A text during normalization.
struct NormalizedText: Sendable {
  /// Valid UTF-8.
  var bytes: [UInt8]
  /// True if the text starts with the first character of the document, or with something inserted before it.
  var startsAtOrigin: Bool
}

/// The registry of normalizers.
enum Normalizers {
  static let all: [String: any Normalizer.Type] = [
    "BertNormalizer": BertNormalizer.self, "ByteLevel": ByteLevelNormalizer.self,
    "Lowercase": LowercaseNormalizer.self, "NFC": FormNormalizer.self,
    "NFD": FormNormalizer.self, "NFKC": FormNormalizer.self, "NFKD": FormNormalizer.self,
    "Precompiled": PrecompiledNormalizer.self, "Prepend": PrependNormalizer.self,
    "Replace": ReplaceNormalizer.self,
    "Sequence": NormalizerSequence.self, "Strip": StripNormalizer.self,
    "StripAccents": StripAccentsNormalizer.self,
  ]

  static func read(_ component: Component) throws -> any Normalizer {
    try component.read(by: all) { type, component in try type.read(&component) }
  }
}

struct NormalizerSequence: Normalizer {
  let normalizers: [any Normalizer]

  static func read(_ component: inout Component) throws -> any Normalizer {
    NormalizerSequence(normalizers: try component.components("normalizers").map(Normalizers.read))
  }

  func normalize(_ text: inout NormalizedText) throws(PatternMatcher.TooManySteps) {
    for normalizer in normalizers { try normalizer.normalize(&text) }
  }
}
