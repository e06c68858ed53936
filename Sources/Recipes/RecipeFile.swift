package import Base
import YAML

/// Recipe files: one document of YAML 1.1 as PyYAML's safe loader reads it, JSON with it.
///
/// It differs from that loader as follows. Numbers of YAML 1.2 are numbers too (`1e-9`, `-.5`, `0o17`), with `_`
/// between their digits if wanted. Dates, and the plain scalars `=` and `<<` where they are values, are texts, and so
/// are all keys. Anchors may be defined again. Keys that are used twice, aliases inside their own anchor and tags
/// other than those of the plain types are refused.
package enum RecipeFile {
  package static let maximumByteCount = 1 << 24

  /// - Throws: an error that names the file and the line.
  package static func read(_ path: String) throws -> RecipeValue {
    let file = try InputFile(path: path)
    guard file.byteCount <= maximumByteCount else {
      throw FormatError(.recipe, "is over 16 MiB", path: path)
    }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    return try parse(bytes.span, path: path)
  }

  package static func parse(_ text: String, path: String) throws -> RecipeValue {
    try parse(text.utf8.span, path: path)
  }

  package static func parse(_ text: Span<UInt8>, path: String) throws -> RecipeValue {
    guard text.count <= maximumByteCount else {
      throw FormatError(.recipe, "is over 16 MiB", path: path)
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
