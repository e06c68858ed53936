import Base
import TensorCore

/// The fields of a `TensorProto`, with the places of its values in the file.
///
/// Source: `onnx.proto` of ONNX 1.23.
struct TensorMessage {
  /// The values of a typed field: ranges of the file, one after another.
  typealias Segments = [Range<Int>]

  /// The maximum number of ranges of a typed field, which is one if the values are packed.
  static let maximumSegmentCount = 4096
  static let maximumNameByteCount = 4096
  /// The maximum length of a location, an offset or another value of external data.
  static let maximumEntryByteCount = 4096

  var name = ""
  var dimensions: [Int64] = []
  var dataType: Int64 = 0
  var rawData: Range<Int>?
  var floats = Segments()
  var doubles = Segments()
  var int32s = Segments()
  var int64s = Segments()
  var uint64s = Segments()
  var hasStrings = false
  var isSegment = false
  /// The keys and values of `external_data`.
  var external: [(key: String, value: String)] = []
  /// True if the values are in another file.
  var isExternal = false
  /// The offset of the message in the file.
  let byteOffset: Int

  /// The numbers of the fields.
  private enum Number {
    static let dimensions = 1
    static let dataType = 2
    static let segment = 3
    static let floats = 4
    static let int32s = 5
    static let strings = 6
    static let int64s = 7
    static let name = 8
    static let rawData = 9
    static let doubles = 10
    static let uint64s = 11
    static let external = 13
    static let location = 14
  }

  /// The numbers of the fields that hold values.
  static let valueNumbers: Set<Int> = [
    Number.floats, Number.int32s, Number.strings, Number.int64s, Number.rawData, Number.doubles,
    Number.uint64s,
  ]

  /// Reads the fields of a message.
  /// - Throws: ``FormatError``
  init(_ message: Range<Int>, _ reader: inout ProtobufReader) throws {
    byteOffset = message.lowerBound
    var position = message.lowerBound
    var seen: Set<Int> = []
    while let field = try reader.next(&position, end: message.upperBound) {
      switch field.number {
      case Number.dataType, Number.name, Number.rawData, Number.location:
        guard seen.insert(field.number).inserted else {
          throw reader.error("field \(field.number) of a tensor appears twice", field.byteOffset)
        }
        try setSingle(field, &reader)
      case Number.dimensions: try addDimensions(field, &reader)
      case Number.segment: isSegment = true
      case Number.strings: hasStrings = true
      case Number.floats: try add(field, to: \.floats, wordByteCount: 4, reader)
      case Number.doubles: try add(field, to: \.doubles, wordByteCount: 8, reader)
      case Number.int32s: try add(field, to: \.int32s, wordByteCount: nil, reader)
      case Number.int64s: try add(field, to: \.int64s, wordByteCount: nil, reader)
      case Number.uint64s: try add(field, to: \.uint64s, wordByteCount: nil, reader)
      case Number.external:
        guard external.count < 16 else {
          throw reader.error("a tensor has too many entries of external data", field.byteOffset)
        }
        external.append(
          try Self.entry(field, &reader, keyLimit: 64, valueLimit: Self.maximumEntryByteCount))
      default: break
      }
    }
  }

  private mutating func setSingle(
    _ field: ProtobufReader.Field, _ reader: inout ProtobufReader
  ) throws {
    switch field.number {
    case Number.dataType: dataType = try reader.integer(field)
    case Number.name: name = try reader.string(field, limit: Self.maximumNameByteCount)
    case Number.rawData: rawData = try reader.bytes(field)
    default:
      let location = try reader.integer(field)
      guard (0...1).contains(location) else {
        throw reader.error("data_location is \(location), expected 0 or 1", field.byteOffset)
      }
      isExternal = location == 1
    }
  }

  private mutating func addDimensions(
    _ field: ProtobufReader.Field, _ reader: inout ProtobufReader
  ) throws {
    func check(_ count: Int) throws {
      guard count <= Shape.maximumRank else {
        throw reader.error(
          "a tensor has more than \(Shape.maximumRank) dimensions", field.byteOffset)
      }
    }
    switch field.value {
    case .varint(let number, _): dimensions.append(Int64(bitPattern: number))
    case .bytes(let range):
      var position = range.lowerBound
      while position < range.upperBound {
        dimensions.append(Int64(bitPattern: try reader.varint(&position, end: range.upperBound)))
        try check(dimensions.count)
      }
    case .fixed32, .fixed64: throw reader.wrongType(field)
    }
    try check(dimensions.count)
  }

  /// Adds the values of a field that may be packed.
  /// - Parameter wordByteCount: The number of bytes of a value; nil if it varies.
  private mutating func add(
    _ field: ProtobufReader.Field, to segments: WritableKeyPath<TensorMessage, Segments>,
    wordByteCount: Int?, _ reader: borrowing ProtobufReader
  ) throws {
    let range: Range<Int>
    switch (field.value, wordByteCount) {
    case (.bytes(let packed), _):
      guard packed.count % (wordByteCount ?? 1) == 0 else {
        throw reader.error(
          "packed values have \(packed.count) bytes, expected a multiple of \(wordByteCount ?? 1)",
          field.byteOffset)
      }
      range = packed
    case (.varint(_, let bytes), nil): range = bytes
    case (.fixed32(let bytes), 4), (.fixed64(let bytes), 8): range = bytes
    default: throw reader.wrongType(field)
    }
    guard !range.isEmpty else { return }
    guard self[keyPath: segments].count < Self.maximumSegmentCount else {
      throw reader.error(
        "a tensor has more than \(Self.maximumSegmentCount) values that are not packed",
        field.byteOffset)
    }
    self[keyPath: segments].append(range)
  }

  /// Reads a `StringStringEntryProto`.
  static func entry(
    _ field: ProtobufReader.Field, _ reader: inout ProtobufReader, keyLimit: Int, valueLimit: Int
  ) throws -> (key: String, value: String) {
    let message = try reader.bytes(field)
    var position = message.lowerBound
    var (key, value): (String?, String?)
    while let part = try reader.next(&position, end: message.upperBound) {
      switch part.number {
      case 1 where key == nil: key = try reader.string(part, limit: keyLimit)
      case 2 where value == nil: value = try reader.string(part, limit: valueLimit)
      case 1, 2: throw reader.error("an entry has two keys or values", part.byteOffset)
      default: break
      }
    }
    return (key ?? "", value ?? "")
  }
}
