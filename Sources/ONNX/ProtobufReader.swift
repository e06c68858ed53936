package import Base

/// Reads the fields of Protocol Buffers messages from a file, without loading their contents.
///
/// It is written by hand because generated readers load each message as a whole: the weights are fields of the graph,
/// so that a model would need its own size in memory. This reader keeps a window of the file, returns the contents of
/// long fields as ranges, and needs no schema beyond the numbers of a dozen fields.
///
/// Source: Protocol Buffers documentation, "Encoding". Groups are refused, as ONNX has none.
package struct ProtobufReader: ~Copyable {
  /// A field of a message.
  package struct Field: Sendable {
    package var number: Int
    package var value: Value
    /// The offset of its tag in the file.
    package var byteOffset: Int
  }

  /// The value of a field by its wire type. Ranges are those of the bytes in the file, without the length.
  package enum Value: Sendable {
    case varint(UInt64, Range<Int>)
    case fixed64(Range<Int>)
    case bytes(Range<Int>)
    case fixed32(Range<Int>)
  }

  package let file: InputFile
  private var window: ByteBuffer
  private var range = 0..<0

  private static let windowByteCount = 32 << 10

  package init(_ file: InputFile) {
    self.file = file
    window = ByteBuffer(byteCount: min(Self.windowByteCount, max(1, file.byteCount)))
  }

  /// Reads the field at `position`, which moves to the next field; returns nil at the end of the message.
  /// - Throws: ``FormatError`` if the field is not valid or ends after `end`.
  package mutating func next(_ position: inout Int, end: Int) throws -> Field? {
    guard position < end else { return nil }
    let start = position
    let tag = try varint(&position, end: end)
    guard (1..<1 << 29).contains(tag >> 3) else {
      throw error("field number \(tag >> 3) is outside 1 ..< 2^29", start)
    }
    let value: Value
    switch tag & 7 {
    case 0:
      let first = position
      let number = try varint(&position, end: end)
      value = .varint(number, first..<position)
    case 1: value = .fixed64(try skip(8, &position, end: end))
    case 2:
      let length = try varint(&position, end: end)
      value = .bytes(try skip(length, &position, end: end))
    case 5: value = .fixed32(try skip(4, &position, end: end))
    case 3, 4: throw error("the field is a group, which the format does not have", start)
    default: throw error("wire type \(tag & 7) is not defined", start)
    }
    return Field(number: Int(tag >> 3), value: value, byteOffset: start)
  }

  private mutating func skip(
    _ count: UInt64, _ position: inout Int, end: Int
  ) throws(FormatError) -> Range<Int> {
    guard let length = Int(exactly: count), length <= end - position else {
      throw error(
        "a field of \(count) bytes ends after its message, which has \(end - position) bytes left",
        position, hint: end == file.byteCount ? "the file may be cut short" : nil)
    }
    defer { position += length }
    return position..<position + length
  }

  /// Reads a number of at most ten bytes, seven bits in each.
  package mutating func varint(_ position: inout Int, end: Int) throws -> UInt64 {
    let start = position
    var number: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard position < end else {
        throw error(
          "a number ends after its message", start,
          hint: end == file.byteCount ? "the file may be cut short" : nil)
      }
      let byte = try byte(at: position)
      position += 1
      guard shift < 63 || byte <= 1 else { break }
      number |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return number }
    }
    throw error("a number has more than 64 bits", start)
  }

  private mutating func byte(at offset: Int) throws -> UInt8 {
    if !range.contains(offset) {
      let file = file
      let count = min(window.byteCount, file.byteCount - offset)
      range = 0..<0
      var span = window.mutableBytes
      var part = span._mutatingExtracting(0..<max(0, count))
      try file.read(at: offset, into: &part)
      range = offset..<offset + count
    }
    guard let byte = window.bytes.littleEndian(UInt8.self, at: offset - range.lowerBound) else {
      throw error("the file ends", offset)
    }
    return byte
  }

  /// Reads the text of a field.
  /// - Throws: ``FormatError`` if it is longer than `limit` bytes or not valid UTF-8.
  package mutating func string(_ field: Field, limit: Int) throws -> String {
    let range = try bytes(field)
    guard range.count <= limit else {
      throw error("a text has \(range.count) bytes, the limit is \(limit)", field.byteOffset)
    }
    let bytes = try file.bytes(at: range.lowerBound, count: range.count)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error("a text is not valid UTF-8", field.byteOffset)
    }
    return text
  }

  /// Returns the range of a message, a text or other bytes.
  package func bytes(_ field: Field) throws(FormatError) -> Range<Int> {
    guard case .bytes(let range) = field.value else { throw wrongType(field) }
    return range
  }

  /// Returns the value of a whole number.
  package func integer(_ field: Field) throws(FormatError) -> Int64 {
    guard case .varint(let number, _) = field.value else { throw wrongType(field) }
    return Int64(bitPattern: number)
  }

  package func wrongType(_ field: Field) -> FormatError {
    error("field \(field.number) has another wire type than the format defines", field.byteOffset)
  }

  package func error(_ reason: String, _ byteOffset: Int, hint: Message? = nil) -> FormatError {
    FormatError(.protobuf, reason, path: file.path, byteOffset: byteOffset, hint: hint)
  }
}
