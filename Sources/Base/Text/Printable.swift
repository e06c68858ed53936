extension String {
  /// The string with control characters and backslashes escaped, for example as `\n` or `\u{7f}`, so that a hostile
  /// name cannot control the terminal.
  package var printable: String {
    guard unicodeScalars.contains(where: { $0.needsEscape }) else { return self }
    var result = ""
    for scalar in unicodeScalars {
      if scalar.needsEscape {
        result += scalar.escaped(asASCII: true)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension Unicode.Scalar {
  /// True for control characters, backslashes, line and paragraph separators, and characters that reorder text.
  fileprivate var needsEscape: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x5C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF:
      true
    default: false
    }
  }
}
