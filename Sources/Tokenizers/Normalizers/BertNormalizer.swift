/// The normalization of BERT: cleaning, spaces around Chinese characters, accents, and case.
struct BertNormalizer: Normalizer {
  let cleansText: Bool
  let separatesChinese: Bool
  let stripsAccents: Bool
  let lowercases: Bool

  static func read(_ component: inout Component) throws -> any Normalizer {
    let lowercases = try component.bool("lowercase")
    return BertNormalizer(
      cleansText: try component.bool("clean_text"),
      separatesChinese: try component.bool("handle_chinese_chars"),
      stripsAccents: try component.bool("strip_accents", default: lowercases),
      lowercases: lowercases)
  }

  func normalize(_ text: inout NormalizedText) {
    if cleansText { clean(&text) }
    if separatesChinese, !UTF8Text.isASCII(text.bytes) { separateChinese(&text) }
    if stripsAccents, !UTF8Text.isASCII(text.bytes) {
      FormNormalizer(form: .nfd).normalize(&text)
      text.remove(where: OldCategories.isNonspacingMark)
    }
    if lowercases { LowercaseNormalizer().normalize(&text) }
  }

  /// Removes control characters, and turns white space into spaces.
  private func clean(_ text: inout NormalizedText) {
    text.remove { value in
      switch value {
      case 0x09, 0x0A, 0x0D: false
      case 0xFFFD: true
      default: OldCategories.isControl(value)
      }
    }
    text.bytes = UTF8Text.bytes(
      UTF8Text.scalars(text.bytes).map { $0.properties.isWhitespace ? " " : $0 })
  }

  private func separateChinese(_ text: inout NormalizedText) {
    var result: [UInt8] = []
    for scalar in UTF8Text.scalars(text.bytes) {
      let isChinese = Self.isChinese(scalar.value)
      if isChinese { result.append(0x20) }
      UTF8Text.append(scalar, to: &result)
      if isChinese { result.append(0x20) }
    }
    text.bytes = result
  }

  /// True in the blocks of CJK ideographs that BERT separates. The block from U+2B820 starts at U+2B920, as in the
  /// tokenizers library.
  private static func isChinese(_ value: UInt32) -> Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
      0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
