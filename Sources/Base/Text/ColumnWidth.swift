extension Character {
  /// The number of terminal columns of the character: 2 for wide characters of East Asian scripts and for emoji, 0 for
  /// a combining mark that stands alone, 1 for all others.
  ///
  /// Source: Unicode Standard Annex 11, classes W and F, as blocks.
  package var columnCount: Int {
    guard let first = unicodeScalars.first else { return 0 }
    if unicodeScalars.contains("\u{FE0F}") || first.properties.isEmojiPresentation { return 2 }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return first.isWide ? 2 : 1
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isWide: Bool {
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0xA4CF,
      0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F,
      0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF,
      0x1F200...0x1F265, 0x20000...0x3FFFD:
      true
    default: false
    }
  }
}

extension StringProtocol {
  /// The number of terminal columns that the text takes.
  package var columnCount: Int {
    // ASCII text needs no tables.
    utf8.allSatisfy { $0 < 0x80 } ? utf8.count : reduce(0) { $0 + $1.columnCount }
  }

  /// Returns the longest start of the text that takes at most `limit` columns.
  package func prefix(columns limit: Int) -> SubSequence {
    var width = 0
    return prefix { character in
      width += character.columnCount
      return width <= limit
    }
  }

  /// Returns the longest end of the text that takes at most `limit` columns.
  package func suffix(columns limit: Int) -> SubSequence {
    var width = 0
    var start = endIndex
    while start > startIndex {
      let before = index(before: start)
      width += self[before].columnCount
      guard width <= limit else { break }
      start = before
    }
    return self[start...]
  }
}
