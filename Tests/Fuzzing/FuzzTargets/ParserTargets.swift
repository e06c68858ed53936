import Base
import Checkpoints
import PackedFormat
import Recipes
import TensorCore

enum ParserTargets {
  /// What is read is written again as the same bytes: the encoding is the only one.
  static func cbor(_ bytes: [UInt8]) {
    guard let value = try? CBORValue.parse(bytes.rawSpan, itemLimit: 1 << 16) else { return }
    precondition(value.encoded == bytes, "CBOR that is read is not written as it was")
  }

  /// What is read, written and read again is the same.
  static func json(_ bytes: [UInt8]) {
    guard let value = try? JSONValue.parse(bytes.rawSpan) else { return }
    let text = Array(value.serialized().utf8)
    precondition(
      (try? JSONValue.parse(text.rawSpan)) == value, "JSON that is written is not read as it was")
    _ = try? Lineage(json: String(decoding: bytes, as: UTF8.self))
  }

  /// What is read can be walked through in bounded time.
  static func recipe(_ bytes: [UInt8]) {
    func count(_ value: RecipeValue) -> Int {
      switch value.content {
      case .list(let values): values.reduce(1) { $0 + count($1) }
      case .map(let members): members.reduce(1) { $0 + count($1.value) }
      case .null, .bool, .integer, .number, .string: 1
      }
    }
    guard let value = try? RecipeFile.parse(bytes.span, path: "fuzz") else { return }
    precondition(count(value) <= 1 << 20, "a recipe has more values than are allowed")
  }

  static func index(_ bytes: [UInt8]) {
    guard let index = try? PackedIndex(bytes.rawSpan, path: "fuzz", byteOffset: nil) else { return }
    let again = index.encoded()
    precondition(
      (try? PackedIndex(again.rawSpan, path: "fuzz", byteOffset: nil))?.encoded() == again,
      "an index that is written is not read as it was")
  }
}
