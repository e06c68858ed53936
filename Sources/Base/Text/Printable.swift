extension String {
  /// The string with control characters and backslashes escaped, for example as `\n` or `\u{7f}`, so that a hostile
  /// name cannot control the terminal.
  package var printable: String {
    escaped { $0 == "\\" || $0.isControlOrFormat }
  }

  /// The text with control characters escaped, except line feeds. Escaped text stays as it is.
  ///
  /// Messages and reports pass through it last, whatever their parts are made of.
  package var withoutControls: String { escaped { $0 != "\n" && $0.isControlOrFormat } }

  private func escaped(_ needsEscape: (Unicode.Scalar) -> Bool) -> String {
    guard unicodeScalars.contains(where: needsEscape) else { return self }
    var result = ""
    for scalar in unicodeScalars {
      if needsEscape(scalar) {
        result += scalar.escaped(asASCII: true)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension Unicode.Scalar {
  /// True for control characters, line and paragraph separators, and characters that reorder text or are invisible.
  var isControlOrFormat: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F,
      0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F:
      true
    default: false
    }
  }
}
