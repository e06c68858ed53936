/// Categories of scalars in the old versions of Unicode that BERT's normalizer and the splitting at punctuation have in
/// the tokenizers library. Ids depend on them for scalars that were added or changed since.
enum OldCategories {
  /// Returns true for nonspacing marks of Unicode 8.0.
  static func isNonspacingMark(_ value: UInt32) -> Bool {
    switch value {
    case 0x1734, 0x1171E: true
    case 0x1885, 0x1886, 0xA9BD, 0x111C9: false
    default: contains(.nonspacingMark, value, version: 8)
    }
  }

  /// Returns true for marks of Unicode 9.0.
  static func isMark(_ value: UInt32) -> Bool {
    switch value {
    case 0x1CF2, 0x1CF3: true
    case 0x111C9: false
    default: contains(.mark, value, version: 9)
    }
  }

  /// Returns true for punctuation of Unicode 8.0.
  static func isPunctuation(_ value: UInt32) -> Bool {
    switch value {
    case 0x166D, 0x111C9: true
    default: contains(.punctuation, value, version: 8)
    }
  }

  /// Returns true for control, format and private-use scalars of Unicode 8.0.
  static func isControl(_ value: UInt32) -> Bool { contains(control, value, version: 8) }

  private static let control = ScalarClasses.control.union(.format).union(.privateUse)

  private static func contains(_ classes: ScalarClasses, _ value: UInt32, version: Int) -> Bool {
    guard classes.contains(value) else { return false }
    guard value >= 0x300, let age = Unicode.Scalar(value)?.properties.age else { return true }
    return age.major <= version
  }
}
