/// The scalars that a pattern matches without regard to case.
enum CaseFolding {
  static func isASCIILetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }

  /// Returns the set that matches the literal `scalar`.
  /// - Throws: ``PatternError`` for letters above ASCII without regard to case.
  static func set(
    _ scalar: Unicode.Scalar, ignoresCase: Bool, in parser: PatternParser
  ) throws(PatternError) -> ScalarSet {
    var set = ScalarSet(scalar.value)
    guard ignoresCase else { return set }
    if isASCIILetter(scalar) {
      close(&set, over: scalar.value...scalar.value)
    } else if scalar.value >= 128 {
      throw parser.error("'\(scalar)' without regard to case")
    }
    return set
  }

  /// Adds the other cases of the ASCII letters in `range`: the other letter, and the long s and the Kelvin sign.
  static func close(_ set: inout ScalarSet, over range: ClosedRange<UInt32>) {
    for letter in UInt32(0x61)...0x7A where range.contains(letter) || range.contains(letter - 32) {
      set.insert(letter...letter)
      set.insert(letter - 32...letter - 32)
      if letter == 0x73 { set.insert(0x17F...0x17F) }
      if letter == 0x6B { set.insert(0x212A...0x212A) }
    }
  }
}
