import Base
import Checkpoints
import TensorCore

/// Parses the tensors and metadata in the JSON text of a header.
struct SafetensorsHeaderParser {
  struct Tensor {
    var info: TensorInfo
    /// The start and end of its data, relative to the first byte after the header.
    var start: Int
    var end: Int
  }

  let path: String
  /// The offset of the JSON text in the file.
  let headerOffset: Int
  private(set) var tensors: [Tensor] = []
  private(set) var metadata: [Checkpoint.Metadatum]?
  /// The tensor whose entry is being read; errors of the JSON reader name it.
  private var current: String?
  private var names: Set<UTF8Key> = []

  init(path: String, headerOffset: Int) {
    self.path = path
    self.headerOffset = headerOffset
  }

  mutating func parse(_ json: borrowing RawSpan) throws {
    var reader = JSONReader(json)
    try reader.enterObject()
    while let name = try reader.nextKey() {
      guard names.insert(UTF8Key(name)).inserted else {
        throw error(.duplicateKey, "the name appears twice", name, reader.byteOffset)
      }
      if name == "__metadata__" {
        metadata = try readMetadata(&reader)
      } else {
        guard name.utf8.count <= SafetensorsHeader.maximumNameByteCount else {
          throw error(
            .nameLength,
            "the name has \(name.utf8.count) bytes, the limit is "
              + "\(SafetensorsHeader.maximumNameByteCount)", String(name.prefix(40)),
            reader.byteOffset)
        }
        current = name
        tensors.append(try readTensor(named: name, &reader))
        current = nil
      }
    }
    try reader.finish()
  }

  private mutating func readMetadata(_ reader: inout JSONReader) throws -> [Checkpoint.Metadatum] {
    guard try reader.peekKind() == .object else {
      throw error(.metadata, "__metadata__ must be an object of strings", nil, reader.byteOffset)
    }
    var keys: Set<UTF8Key> = []
    var metadata: [Checkpoint.Metadatum] = []
    try reader.enterObject()
    while let key = try reader.nextKey() {
      guard keys.insert(UTF8Key(key)).inserted else {
        throw error(
          .duplicateKey, "the key '\(key.printable)' of __metadata__ appears twice", nil,
          reader.byteOffset)
      }
      guard try reader.peekKind() == .string else {
        throw error(
          .metadata, "the value of '\(key.printable)' in __metadata__ must be a string", nil,
          reader.byteOffset)
      }
      metadata.append(Checkpoint.Metadatum(key: key, value: try reader.readString()))
    }
    return metadata
  }

  private mutating func readTensor(named name: String, _ reader: inout JSONReader) throws -> Tensor
  {
    let entryOffset = reader.byteOffset
    guard try reader.peekKind() == .object else {
      throw error(
        .entry, "the entry must be an object with dtype, shape and data_offsets", name, entryOffset)
    }
    var dtype: DType?
    var dimensions: [Int]?
    var offsets: [Int]?
    var others: Set<UTF8Key> = []
    try reader.enterObject()
    while let field = try reader.nextKey() {
      let isRepeated =
        switch field {
        case "dtype": dtype != nil
        case "shape": dimensions != nil
        case "data_offsets": offsets != nil
        default: !others.insert(UTF8Key(field)).inserted
        }
      guard !isRepeated else {
        throw error(
          .duplicateKey, "the field '\(field.printable)' appears twice", name, reader.byteOffset)
      }
      switch field {
      case "dtype": dtype = try readDType(&reader, name)
      case "shape": dimensions = try readIntegers(&reader, .shape, field, name)
      case "data_offsets": offsets = try readIntegers(&reader, .offsets, field, name)
      default: try reader.skipValue()
      }
    }
    guard let dtype, let dimensions, let offsets else {
      let missing =
        dtype == nil ? "dtype" : dimensions == nil ? "shape" : "data_offsets"
      throw error(.missingField, "the field '\(missing)' is missing", name, entryOffset)
    }
    return try check(
      name: name, dtype: dtype, dimensions: dimensions, offsets: offsets, entryOffset)
  }

  private func check(
    name: String, dtype: DType, dimensions: [Int], offsets: [Int], _ offset: Int
  ) throws -> Tensor {
    let shape: Shape
    do { shape = try Shape(dimensions) } catch {
      throw self.error(.shape, "\(error)", name, offset)
    }
    guard let info = try? TensorInfo(name: name, dtype: dtype, shape: shape) else {
      throw error(
        .byteCount, "\(shape.elementCount) values of \(dtype.name) do not end on a byte", name,
        offset)
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw error(
        .offsets, "data_offsets must be a start and an end that is not before it, found \(offsets)",
        name, offset)
    }
    guard offsets[1] - offsets[0] == info.byteCount else {
      throw error(
        .byteCount,
        "dtype \(dtype.name) and shape \(shape) need \(info.byteCount) bytes, but "
          + "data_offsets span \(offsets[1] - offsets[0])", name, offset)
    }
    return Tensor(info: info, start: offsets[0], end: offsets[1])
  }

  private func readDType(_ reader: inout JSONReader, _ name: String) throws -> DType {
    let offset = reader.byteOffset
    guard try reader.peekKind() == .string else {
      throw error(.dtype, "dtype must be a string", name, offset)
    }
    let text = try reader.readString()
    guard let dtype = DType(name: text) else {
      throw error(.dtype, "dtype '\(text.printable)' is not a dtype of the format", name, offset)
    }
    return dtype
  }

  /// Reads a list of integers below 2^62; a list longer than the maximum rank is refused while reading.
  private func readIntegers(
    _ reader: inout JSONReader, _ fault: SafetensorsFault, _ field: String, _ name: String
  ) throws -> [Int] {
    guard try reader.peekKind() == .array else {
      throw error(fault, "\(field) must be a list of integers", name, reader.byteOffset)
    }
    var integers: [Int] = []
    try reader.enterArray()
    while try reader.nextElement() {
      let offset = reader.byteOffset
      guard integers.count <= Shape.maximumRank else {
        throw error(fault, "\(field) has more than \(Shape.maximumRank) numbers", name, offset)
      }
      guard try reader.peekKind() == .number else {
        throw error(fault, "\(field) must be a list of integers", name, offset)
      }
      let number = try reader.readNumber()
      guard let integer = number.asInt, integer >= 0, integer < 1 << 62 else {
        throw error(
          fault, "\(field) contains \(number), expected integers from 0 to 2^62", name, offset)
      }
      integers.append(integer)
    }
    return integers
  }

  private func error(
    _ fault: SafetensorsFault, _ reason: String, _ tensor: String?, _ offset: Int
  ) -> FormatError {
    FormatError(fault, reason, path: path, tensor: tensor, byteOffset: headerOffset + offset)
  }

  /// Converts an error of `parse` into an error of the format.
  func formatError(_ thrown: any Error) -> FormatError {
    if let error = thrown as? FormatError { return error }
    guard let failure = thrown as? JSONError else {
      return FormatError(.json, "\(thrown)", path: path, tensor: current)
    }
    return FormatError(
      .json, "the header is not valid JSON: \(failure.reason)", path: path, tensor: current,
      byteOffset: headerOffset + failure.byteOffset)
  }
}
