package import Base
import YAML

/// A reader for recipe files: documents of YAML 1.1 as PyYAML's safe loader reads them, which includes JSON.
///
/// It differs from that loader as follows. Numbers of YAML 1.2 are also numbers (`1e-9`, `-.5`, `0o17`), optionally
/// with `_` between their digits. Dates, the plain scalars `=` and `<<` where they are values, and all keys are texts.
/// Anchors may be redefined. Duplicate keys, aliases inside their own anchor, and tags other than those of the plain
/// types are rejected.
package enum RecipeFile {
  package static let maximumByteCount = 1 << 24
  /// The maximum number of documents in a file.
  package static let documentLimit = 1024

  /// Reads a file of one document.
  /// - Throws: An error that names the file and the line.
  package static func read(_ path: String) throws -> RecipeValue {
    let bytes = try bytes(of: path)
    return try parse(bytes.span, path: path)
  }

  /// Reads a file of one or more documents.
  /// - Throws: An error that names the file and the line.
  package static func documents(_ path: String) throws -> [RecipeValue] {
    let bytes = try bytes(of: path)
    return try documents(bytes.span, path: path)
  }

  package static func parse(_ text: String, path: String) throws -> RecipeValue {
    try parse(text.utf8.span, path: path)
  }

  /// Parses a text of one document; `path` names its file in errors.
  package static func parse(_ text: Span<UInt8>, path: String) throws -> RecipeValue {
    let found = try values(of: text, limit: 1, path: path)
    guard let value = found.first else { throw FormatError(.recipe, "is empty", path: path) }
    return value
  }

  package static func documents(_ text: String, path: String) throws -> [RecipeValue] {
    try documents(text.utf8.span, path: path)
  }

  /// Parses a text of one or more documents; `path` names its file in errors.
  package static func documents(_ text: Span<UInt8>, path: String) throws -> [RecipeValue] {
    let found = try values(of: text, limit: documentLimit, path: path)
    guard !found.isEmpty else { throw FormatError(.recipe, "is empty", path: path) }
    return found
  }

  private static func bytes(of path: String) throws -> [UInt8] {
    let file = try InputFile(path: path)
    guard file.byteCount <= maximumByteCount else {
      throw FormatError(.recipe, "is larger than 16 MiB", path: path)
    }
    return try file.bytes(at: 0, count: file.byteCount)
  }

  private static func values(
    of text: Span<UInt8>, limit: Int, path: String
  ) throws -> [RecipeValue] {
    guard text.count <= maximumByteCount else {
      throw FormatError(.recipe, "is larger than 16 MiB", path: path)
    }
    guard !text.isEmpty else { return [] }
    do throws(YAMLFault) {
      var events = try YAMLEventReader(text)
      var composer = RecipeComposer()
      var values: [RecipeValue] = []
      while let (value, line) = try composer.document(from: &events) {
        guard values.count < limit else {
          throw YAMLFault(
            limit == 1
              ? "a second document begins, expected only one"
              : "there are more than \(limit) documents", line: line)
        }
        values.append(value)
      }
      return values
    } catch {
      throw FormatError(.recipe, "line \(error.line): \(error.reason)", path: path)
    }
  }
}

extension FormatError.Code {
  package static let recipe = FormatError.Code(
    "recipe.malformed",
    meaning: "A recipe or table is not YAML or JSON that this version accepts.",
    remedy: "Correct the line that the message names.")
}
