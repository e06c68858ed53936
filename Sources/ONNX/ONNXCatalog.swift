import Base
import Checkpoints
import TensorCore

/// Builds the tensors of a model from their messages.
struct ONNXCatalog {
  private let file: InputFile
  private(set) var tensors: [LazyTensor] = []
  private(set) var externalFiles: ExternalFiles
  private var names: Set<UTF8Key> = []
  /// The errors about data types, which are reported together.
  private var unsupported: [FormatError] = []

  /// The number of errors that are reported together.
  private static let maximumErrorCount = 20

  init(_ file: InputFile, _ input: InputTree) {
    self.file = file
    externalFiles = ExternalFiles(input)
  }

  /// Adds a tensor. A data type without a counterpart is reported by ``finish()``.
  mutating func add(_ message: TensorMessage, _ reader: inout ProtobufReader) throws {
    guard !message.name.isEmpty else { throw error(message, .name, "an initializer has no name") }
    guard names.insert(UTF8Key(message.name)).inserted else {
      throw error(message, .name, "two initializers have this name")
    }
    guard let (info, field) = try described(message) else { return }
    tensors.append(try tensor(message, info, field, &reader))
  }

  /// Throws the errors about data types.
  func finish() throws { try SeveralErrors.throwIfAny(unsupported) }

  /// Returns dtype, shape and the field of the values; nil if there is no such dtype.
  private mutating func described(
    _ message: TensorMessage
  ) throws -> (TensorInfo, ONNXDataType.Field)? {
    guard let type = ONNXDataType(code: message.dataType) else {
      throw error(message, .dtype, "data type \(message.dataType) is not defined")
    }
    guard let (dtype, field) = type.storage else {
      if unsupported.count < Self.maximumErrorCount {
        unsupported.append(
          error(message, .dtype, "data type \(type.name) has no counterpart among tensors"))
      }
      return nil
    }
    guard !message.isSegment else {
      throw error(message, .data, "its values are stored in segments, which are not read")
    }
    guard let dimensions = message.dimensions.mapped(Int.init(exactly:)) else {
      throw error(message, .shape, "its dimensions are too large")
    }
    let shape: Shape
    do { shape = try Shape(dimensions) } catch {
      throw self.error(message, .shape, "\(error)")
    }
    do { return (try TensorInfo(name: message.name, dtype: dtype, shape: shape), field) } catch {
      throw self.error(
        message, .shape, "\(shape.elementCount) values of \(type.name) do not end on a byte")
    }
  }

  private mutating func tensor(
    _ message: TensorMessage, _ info: TensorInfo, _ field: ONNXDataType.Field,
    _ reader: inout ProtobufReader
  ) throws -> LazyTensor {
    let typed = message.typedFields
    if message.isExternal {
      guard message.rawData == nil, typed.isEmpty else {
        throw error(message, .data, "its values are external, but the model contains values too")
      }
      let place = try externalFiles.place(of: message, byteCount: info.byteCount)
      return stored(info, in: place.file, [place.range])
    }
    if let raw = message.rawData {
      guard typed.isEmpty else {
        throw error(message, .data, "it has raw data and also values in \(typed[0].name)")
      }
      try check(raw.count, info, message)
      return stored(info, in: file, [raw])
    }
    guard typed.count <= 1 else {
      throw error(message, .data, "it has values in \(typed[0].name) and in \(typed[1].name)")
    }
    if let name = typed.first?.name, name != field.name {
      throw error(message, .data, "its values are in \(name), expected \(field.name)")
    }
    let segments = typed.first?.segments ?? []
    guard let isValid = field.isValid else {
      try check(segments.reduce(0) { $0 + $1.count }, info, message)
      return stored(info, in: file, segments)
    }
    let source = try VarintTensorSource(
      info, segments: segments, reader: &reader, isValid: isValid)
    return LazyTensor(
      info: info, source: source, stored: form(info, in: file, segments, codec: "varint"))
  }

  private func check(
    _ byteCount: Int, _ info: TensorInfo, _ message: TensorMessage
  ) throws(FormatError) {
    guard byteCount == info.byteCount else {
      throw error(
        message, .data,
        "dtype \(info.dtype.name) and shape \(info.shape) need \(info.byteCount) bytes, but there "
          + "are \(byteCount)")
    }
  }

  /// Returns a tensor whose values are in canonical form in a file.
  private func stored(_ info: TensorInfo, in file: InputFile, _ segments: [Range<Int>])
    -> LazyTensor
  {
    let source: any TensorSource =
      segments.count == 1
      ? FileTensorSource(file: file, info: info, byteOffset: segments[0].lowerBound)
      : SegmentedTensorSource(file: file, info: info, segments: segments)
    return LazyTensor(info: info, source: source, stored: form(info, in: file, segments))
  }

  private func form(
    _ info: TensorInfo, in file: InputFile, _ segments: [Range<Int>], codec: String = "raw"
  ) -> StoredForm {
    StoredForm(
      file: FileSystem.baseName(of: file.path), byteOffset: segments.first?.lowerBound ?? 0,
      byteCount: segments.reduce(0) { $0 + $1.count }, dtype: info.dtype, codec: codec)
  }

  private func error(
    _ message: TensorMessage, _ fault: ONNXFault, _ reason: String
  ) -> FormatError {
    FormatError(
      fault, reason, path: file.path, tensor: message.name, byteOffset: message.byteOffset)
  }
}

extension TensorMessage {
  /// The fields that hold values, apart from raw data, with their names in `onnx.proto`.
  fileprivate var typedFields: [(name: String, segments: Segments)] {
    let fields = [
      ("float_data", floats), ("double_data", doubles), ("int32_data", int32s),
      ("int64_data", int64s), ("uint64_data", uint64s),
    ]
    let strings = hasStrings ? [("string_data", Segments())] : []
    return strings + fields.filter { !$0.1.isEmpty }
  }
}

extension ONNXDataType.Field {
  /// The name in `onnx.proto`.
  fileprivate var name: String {
    switch self {
    case .floats: "float_data"
    case .doubles: "double_data"
    case .int32: "int32_data"
    case .int64: "int64_data"
    case .uint64: "uint64_data"
    }
  }

  /// Returns true if a number is a value of the data type; nil if the values are not numbers of varying length.
  fileprivate var isValid: ((UInt64) -> Bool)? {
    switch self {
    case .floats, .doubles: return nil
    case .int64: return { _ in true }
    case .uint64(let limit): return { $0 <= limit }
    case .int32(let range):
      return { bits in
        // A negative number has ten bytes; some writers cut it to 32 bits.
        let isCut = bits >> 32 == 0
        let value = isCut ? Int64(Int32(truncatingIfNeeded: bits)) : Int64(bitPattern: bits)
        return range.contains(value)
      }
    }
  }
}

extension [Int64] {
  /// Returns the results of `transform`; nil if one of them is nil.
  fileprivate func mapped(_ transform: (Int64) -> Int?) -> [Int]? {
    let results = compactMap(transform)
    return results.count == count ? results : nil
  }
}
