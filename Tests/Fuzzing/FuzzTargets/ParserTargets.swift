import Base
import Checkpoints
import PackedFormat
import Recipes
import TensorCore

/// Fuzz targets for parsers.
enum ParserTargets {
  /// Checks that a parsed value is encoded as the same bytes, since the encoding is unique.
  static func cbor(_ bytes: [UInt8]) {
    guard let value = try? CBORValue.parse(bytes.rawSpan, itemLimit: 1 << 16) else { return }
    precondition(value.encoded == bytes, "parsed CBOR is encoded as other bytes")
  }

  /// Checks that a value stays the same when it is written and parsed again.
  static func json(_ bytes: [UInt8]) {
    guard let value = try? JSONValue.parse(bytes.rawSpan) else { return }
    let text = Array(value.serialized().utf8)
    precondition(
      (try? JSONValue.parse(text.rawSpan)) == value, "written JSON is parsed as another value")
    _ = try? Lineage(json: String(decoding: bytes, as: UTF8.self))
  }

  /// Checks that parsed recipes can be traversed in bounded time.
  static func recipe(_ bytes: [UInt8]) {
    func count(_ value: RecipeValue) -> Int {
      switch value.content {
      case .list(let values): values.reduce(1) { $0 + count($1) }
      case .map(let members): members.reduce(1) { $0 + count($1.value) }
      case .null, .bool, .integer, .number, .string: 1
      }
    }
    guard let documents = try? RecipeFile.documents(bytes.span, path: "fuzz") else { return }
    precondition(
      documents.reduce(0) { $0 + count($1) } <= 1 << 20, "a recipe has more values than allowed")
  }

  /// Checks that a parsed index stays the same when it is encoded and parsed again.
  static func index(_ bytes: [UInt8]) {
    guard let index = try? PackedIndex(bytes.rawSpan, path: "fuzz", byteOffset: nil) else { return }
    let again = index.encoded()
    precondition(
      (try? PackedIndex(again.rawSpan, path: "fuzz", byteOffset: nil))?.encoded() == again,
      "an encoded index is parsed as another index")
  }
}
