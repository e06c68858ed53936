import Base
import Checkpoints
import PackedFormat
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

  static func index(_ bytes: [UInt8]) {
    guard let index = try? PackedIndex(bytes.rawSpan, path: "fuzz", byteOffset: nil) else { return }
    let again = index.encoded()
    precondition(
      (try? PackedIndex(again.rawSpan, path: "fuzz", byteOffset: nil))?.encoded() == again,
      "an index that is written is not read as it was")
  }
}
