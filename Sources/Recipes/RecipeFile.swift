package import Base
import YAML

/// A reader for recipe files: one document of YAML 1.1 as PyYAML's safe loader reads it, which includes JSON.
///
/// It differs from that loader as follows. Numbers of YAML 1.2 are also numbers (`1e-9`, `-.5`, `0o17`), optionally
/// with `_` between their digits. Dates, the plain scalars `=` and `<<` where they are values, and all keys are texts.
/// Anchors may be redefined. Duplicate keys, aliases inside their own anchor, and tags other than those of the plain
/// types are rejected.
package enum RecipeFile {
  package static let maximumByteCount = 1 << 24

  /// - Throws: An error that names the file and the line.
  package static func read(_ path: String) throws -> RecipeValue {
    let file = try InputFile(path: path)
    guard file.byteCount <= maximumByteCount else {
      throw FormatError(.recipe, "is larger than 16 MiB", path: path)
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    return try parse(bytes.span, path: path)
  }

  package static func parse(_ text: String, path: String) throws -> RecipeValue {
    try parse(text.utf8.span, path: path)
  }

  /// Parses a text; `path` names its file in errors.
  package static func parse(_ text: Span<UInt8>, path: String) throws -> RecipeValue {
    guard text.count <= maximumByteCount else {
      throw FormatError(.recipe, "is larger than 16 MiB", path: path)
    }
    guard !text.isEmpty else { throw FormatError(.recipe, "is empty", path: path) }
    let value: RecipeValue?
    do {
      var events = try YAMLEventReader(text)
      var composer = RecipeComposer()
      value = try composer.document(from: &events)
    } catch {
      throw FormatError(.recipe, "line \(error.line): \(error.reason)", path: path)
    }
    guard let value else { throw FormatError(.recipe, "is empty", path: path) }
    return value
  }
}

extension FormatError.Code {
  package static let recipe = FormatError.Code(
    "recipe.malformed",
    meaning: "A recipe or table is not YAML or JSON that this version accepts.",
    remedy: "Correct the line that the message names.")
}
