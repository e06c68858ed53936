/// The form of text for people: its width, and the characters and colors that it may use.
package struct TextStyle: Equatable, Sendable {
  /// The number of columns; nil for any number.
  package var width: Int?
  /// True if charts and lines are drawn with ASCII characters.
  package var isASCII: Bool
  /// True if charts have colors, as escape sequences of a terminal.
  package var isColored: Bool

  package init(width: Int? = nil, isASCII: Bool = false, isColored: Bool = false) {
    self.width = width
    self.isASCII = isASCII
    self.isColored = isColored
  }

  /// Returns true if a locale uses UTF-8.
  ///
  /// The first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set and not empty is the locale, such as `en_US.UTF-8`; if none
  /// is, the locale is `C`, which has ASCII only.
  /// - Parameter variable: Returns the value of an environment variable.
  package static func isUTF8(_ variable: (String) -> String?) -> Bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"]
    guard let locale = names.lazy.compactMap(variable).first(where: { !$0.isEmpty }) else {
      return false
    }
    let charset = locale.prefix { $0 != "@" }.split(separator: ".").dropFirst().last ?? ""
    return ["utf8", "utf-8"].contains(charset.lowercased())
  }
}
