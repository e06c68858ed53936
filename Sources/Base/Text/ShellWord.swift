extension String {
  /// The text as one word for a shell: as it is if it has only letters, digits and `/._-+=:,@%`, otherwise in quotes.
  ///
  /// A text with control characters is quoted as `$'…'`, which bash, zsh and ksh understand, so that it stays on one line.
  package var shellWord: String {
    guard unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
      return "$'" + unicodeScalars.map(Self.escaped).joined() + "'"
    }
    let isPlain =
      !isEmpty
      && utf8.allSatisfy { byte in
        let letter = Character(UnicodeScalar(byte))
        return byte < 0x80 && (letter.isLetter || letter.isNumber || "/._-+=:,@%".contains(letter))
      }
    return isPlain ? self : "'" + replacing("'", with: "'\\''") + "'"
  }

  /// Returns a scalar between `$'` and `'`.
  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": return "\\n"
    case "\t": return "\\t"
    case "\\": return "\\\\"
    case "'": return "\\'"
    default:
      guard scalar.value < 0x20 || scalar.value == 0x7F else { return String(scalar) }
      let digits = String(scalar.value, radix: 8)
      return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
    }
  }
}
