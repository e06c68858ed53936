/// Bytes of Protocol Buffers messages.
enum ProtobufBuilder {
  static func varint(_ value: UInt64) -> [UInt8] {
    var (rest, bytes): (UInt64, [UInt8]) = (value, [])
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func tag(_ number: Int, _ type: Int) -> [UInt8] { varint(UInt64(number << 3 | type)) }

  static func integer(_ number: Int, _ value: Int64) -> [UInt8] {
    tag(number, 0) + varint(UInt64(bitPattern: value))
  }

  static func bytes(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    tag(number, 2) + varint(UInt64(content.count)) + content
  }

  static func text(_ number: Int, _ text: String) -> [UInt8] { bytes(number, Array(text.utf8)) }

  // MARK: ONNX

  /// Returns a `TensorProto` without values.
  static func tensor(_ name: String, type: Int64, dims: [Int64], _ rest: [UInt8] = []) -> [UInt8] {
    dims.flatMap { integer(1, $0) } + integer(2, type) + text(8, name) + rest
  }

  /// Returns an entry of `external_data` or of the metadata.
  static func entry(_ number: Int, _ key: String, _ value: String) -> [UInt8] {
    bytes(number, text(1, key) + text(2, value))
  }

  /// Returns a model with these initializers.
  static func model(_ tensors: [[UInt8]], _ rest: [UInt8] = []) -> [UInt8] {
    integer(1, 10) + bytes(7, tensors.flatMap { bytes(5, $0) }) + rest
  }
}
