import Base
import Checkpoints

/// The fields of a `ModelProto` apart from its tensors.
///
/// Source: `onnx.proto` of ONNX 1.23.
struct ModelMessage {
  /// The range of the graph in the file.
  var graph = 0..<0
  var metadata: [Checkpoint.Metadatum] = []

  /// The prefix of the keys of metadata that are fields of the model.
  private static let prefix = "onnx."
  private static let maximumKeyByteCount = 4096
  private static let maximumValueByteCount = 16 << 20

  /// The numbers of the fields of a model.
  private enum Number {
    static let irVersion = 1
    static let graph = 7
    static let opset = 8
    static let property = 14
    /// The texts of a model, by number.
    static let texts = [2: "producer_name", 3: "producer_version", 4: "domain", 6: "doc_string"]
    static let modelVersion = 5
  }

  /// The numbers of the fields of a graph.
  enum GraphNumber {
    static let node = 1
    static let name = 2
    static let initializer = 5
    static let sparseInitializer = 15
  }

  /// Reads the fields of the model.
  /// - Throws: ``FormatError``
  init(_ reader: inout ProtobufReader) throws {
    var position = 0
    var hasGraph = false
    let end = reader.file.byteCount
    while let field = try reader.next(&position, end: end) {
      if field.number == Number.graph {
        guard !hasGraph else {
          throw reader.modelError("the model has two graphs", field.byteOffset)
        }
        graph = try reader.bytes(field)
        hasGraph = true
      } else if let datum = try Self.datum(field, &reader) {
        metadata.append(datum)
      }
    }
    guard hasGraph else {
      throw reader.modelError("the file contains no graph", end)
    }
    try sort(path: reader.file.path)
  }

  private static func datum(
    _ field: ProtobufReader.Field, _ reader: inout ProtobufReader
  ) throws -> Checkpoint.Metadatum? {
    switch field.number {
    case Number.irVersion:
      return Checkpoint.Metadatum(
        key: prefix + "ir_version", value: .integer(try reader.integer(field)))
    case Number.modelVersion:
      return Checkpoint.Metadatum(
        key: prefix + "model_version", value: .integer(try reader.integer(field)))
    case Number.opset: return try opset(field, &reader)
    case Number.property:
      let (key, value) = try TensorMessage.entry(
        field, &reader, keyLimit: maximumKeyByteCount, valueLimit: maximumValueByteCount)
      return Checkpoint.Metadatum(key: key, value: value)
    default:
      guard let name = Number.texts[field.number] else { return nil }
      let text = try reader.string(field, limit: maximumValueByteCount)
      return text.isEmpty ? nil : Checkpoint.Metadatum(key: prefix + name, value: text)
    }
  }

  /// Reads an `OperatorSetIdProto`: the domain and its version.
  private static func opset(
    _ field: ProtobufReader.Field, _ reader: inout ProtobufReader
  ) throws -> Checkpoint.Metadatum {
    let message = try reader.bytes(field)
    var position = message.lowerBound
    var (domain, version) = ("", Int64(0))
    while let part = try reader.next(&position, end: message.upperBound) {
      switch part.number {
      case 1: domain = try reader.string(part, limit: maximumKeyByteCount)
      case 2: version = try reader.integer(part)
      default: break
      }
    }
    return Checkpoint.Metadatum(
      key: prefix + "opset." + (domain.isEmpty ? "ai.onnx" : domain), value: .integer(version))
  }

  private mutating func sort(path: String) throws(FormatError) {
    metadata.sort { $0.key.precedesAsBytes($1.key) }
    for (datum, next) in zip(metadata, metadata.dropFirst()) where datum.key.equalsAsBytes(next.key)
    {
      throw FormatError(
        .model, "the metadata have the key '\(datum.key.prefix(80).description.printable)' twice",
        path: path)
    }
  }

  // MARK: Size

  /// Returns the size of the catalog of a file, without building it.
  /// - Complexity: One read for each tensor; contents are skipped.
  static func catalogSize(_ reader: inout ProtobufReader) throws -> CatalogSize {
    var size = CatalogSize(tensorCount: 0, headerByteCount: 0)
    var position = 0
    while let field = try reader.next(&position, end: reader.file.byteCount) {
      guard field.number == Number.graph, case .bytes(let graph) = field.value else {
        let isKept =
          Number.texts[field.number] != nil
          || [Number.opset, Number.property].contains(field.number)
        if isKept {
          size.headerByteCount += position - field.byteOffset
          size.listElementCount += 12
        }
        continue
      }
      var inner = graph.lowerBound
      while let field = try reader.next(&inner, end: graph.upperBound) {
        guard field.number == GraphNumber.initializer, case .bytes(let tensor) = field.value else {
          continue
        }
        size.tensorCount += 1
        try add(tensor, to: &size, &reader)
      }
    }
    return size
  }

  /// Adds the fields of a tensor, without the contents of those that hold values.
  private static func add(
    _ tensor: Range<Int>, to size: inout CatalogSize, _ reader: inout ProtobufReader
  ) throws {
    var position = tensor.lowerBound
    while let field = try reader.next(&position, end: tensor.upperBound) {
      size.listElementCount += 1
      if !TensorMessage.valueNumbers.contains(field.number) {
        size.headerByteCount += position - field.byteOffset
      }
    }
    size.listElementCount = max(0, size.listElementCount - 4)
  }
}

extension ProtobufReader {
  func modelError(_ reason: String, _ byteOffset: Int) -> FormatError {
    FormatError(.model, reason, path: file.path, byteOffset: byteOffset)
  }
}
