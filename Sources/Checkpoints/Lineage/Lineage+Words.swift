import Base

extension Lineage.Option {
  /// The option as words of a command line, which are not quoted: `--dtype f16`, `--sealed`, `--include 'PATTERN'`.
  ///
  /// Terms that are a single type are spelled as the type, since lineages record both as terms.
  /// A value that starts with a hyphen is joined to its option, so that it is not taken for another one.
  package var words: [String] {
    if name == Self.selectName {
      for kind in ["include", "exclude"] where value.hasPrefix(kind + " ") {
        return Self.words("--" + kind, String(value.dropFirst(kind.count + 1)))
      }
    }
    if name == "terms", (try? StorageType(value)) != nil { return Self.words("--type", value) }
    return value == "true" ? ["--" + name] : Self.words("--" + name, value)
  }

  /// The name under which the patterns of `--include` and `--exclude` are recorded, in their order.
  package static let selectName = "select"
  /// The name under which the names of `--names-from` are recorded, one per line.
  package static let namesName = "names"

  private static func words(_ option: String, _ value: String) -> [String] {
    value.hasPrefix("-") ? [option + "=" + value] : [option, value]
  }
}
