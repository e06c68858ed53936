package import Base
import Codecs
import TensorCore

extension PackedIndex {
  /// Creates an index from the CBOR of section 5.
  /// - Parameter byteOffset: The offset of the CBOR in the file; nil if it was compressed.
  package init(
    _ bytes: borrowing RawSpan, path: String, byteOffset: Int?
  ) throws(FormatError) {
    var parser = PackedIndexParser(path: path, byteOffset: byteOffset)
    do { self = try parser.parse(bytes) } catch {
      // An unknown required feature may have changed everything else.
      if let missing = parser.unknownFeature(bytes) { throw missing }
      throw parser.formatError(error)
    }
  }
}

/// Parses the CBOR of an index.
struct PackedIndexParser {
  static let maximumNameByteCount = 4096
  /// The required features that this version supports.
  static let knownRequiredFeatures: Set<String> = Set(
    ["sealed", GroupSpec.foldFeature]
      + [PackedTerm.denseKind, PackedTerm.sparseKind, PackedTerm.lowRankKind].map { "term:\($0)" }
      + CodecRegistry.valueCodecs.map { "codec:\($0.name)" }
      + CodecRegistry.indexCodecs.map { "index:\($0.name)" })

  let path: String
  let byteOffset: Int?
  private var entries: [PackedIndex.Entry] = []
  private var entryIndexes: [UTF8Key: Int] = [:]
  private var current: String?

  init(path: String, byteOffset: Int?) {
    self.path = path
    self.byteOffset = byteOffset
  }

  mutating func parse(_ bytes: borrowing RawSpan) throws -> PackedIndex {
    var reader = CBORReader(bytes)
    var index = PackedIndex(
      entries: [], attachments: [], metadata: [], optionalFeatures: [], writer: [], lineage: nil)
    var missing: Set<String> = ["tensors", "attachments", "metadata", "features", "writer"]
    _ = try reader.enterMap()
    while let key = try reader.nextKey() {
      missing.remove(key)
      switch key {
      case "tensors": try readEntries(&reader)
      case "attachments": index.attachments = try readAttachments(&reader)
      case "metadata": index.metadata = try readPairs(&reader)
      case "writer": index.writer = try readPairs(&reader)
      case "features": try readFeatures(&reader, into: &index)
      case "lineage": index.lineage = try reader.readText()
      case "sealed":
        let offset = reader.byteOffset
        index.isSealed = try reader.readBool()
        guard index.isSealed else {
          throw error(.indexValue, "'sealed' is present but not true", offset)
        }
      case "extensions": index.extensions = try readExtensions(&reader)
      default:
        throw error(
          .indexKey, "the index has the unknown key '\(key.printable)'", reader.byteOffset)
      }
    }
    try reader.finish()
    if let key = missing.sorted().first {
      throw error(.indexKey, "the index lacks the key '\(key)'", 0)
    }
    index.entries = entries
    for name in PackedIndex.requiredFeatures(of: entries)
    where !index.requiredFeatures.contains(name) {
      throw error(.indexValue, "a term uses '\(name)', which the features do not require", 0)
    }
    return index
  }

  /// Returns the error for an unknown required feature, even if other parts of the index are invalid.
  func unknownFeature(_ bytes: borrowing RawSpan) -> FormatError? {
    var reader = CBORReader(bytes)
    guard (try? reader.peekKind()) == .map, (try? reader.enterMap()) != nil else { return nil }
    while let key = try? reader.nextKey() {
      guard key == "features" else {
        guard (try? reader.skipValue()) != nil else { return nil }
        continue
      }
      let required = (try? reader.readValue())?.asMap?["required"]?.asArray ?? []
      return required.compactMap(\.asText).first {
        !Self.knownRequiredFeatures.contains($0)
      }.map(requiredFeatureError)
    }
    return nil
  }

  func requiredFeatureError(_ name: String) -> FormatError {
    FormatError(
      .requiredFeature, "needs the feature '\(name.printable)', which this version does not have",
      path: path, hint: "use a newer version of sumac")
  }

  // MARK: Tensors

  private mutating func readEntries(_ reader: inout CBORReader) throws {
    _ = try reader.enterArray()
    while reader.nextElement() {
      current = nil
      let entry = try readEntry(&reader)
      entryIndexes[UTF8Key(entry.name)] = entries.count
      entries.append(entry)
    }
    current = nil
  }

  /// The values of an entry's keys; nil for keys that are missing.
  private struct EntryFields {
    var name: String?
    var alias: String?
    var dtype: DType?
    var shape: Shape?
    var terms: [(offset: Int, map: CBORMap)]?
    var quality: PackedTensor.Quality?
    var contentID: [UInt8]?
    var extensions: [PackedExtension] = []

    /// True if there are no keys other than name and alias.
    var describesNoTensor: Bool {
      dtype == nil && shape == nil && terms == nil && quality == nil && contentID == nil
        && extensions.isEmpty
    }
  }

  private mutating func readEntry(_ reader: inout CBORReader) throws -> PackedIndex.Entry {
    let start = reader.byteOffset
    let fields = try readFields(&reader)
    guard let name = fields.name else { throw error(.indexKey, "an entry has no name", start) }
    guard entryIndexes[UTF8Key(name)] == nil else {
      throw error(.duplicateName, "the name appears twice", start)
    }
    if let alias = fields.alias {
      guard fields.describesNoTensor else {
        throw error(.indexKey, "an alias must not have keys other than name and alias", start)
      }
      guard let target = entryIndexes[UTF8Key(alias)], case .tensor = entries[target].content else {
        throw error(
          .aliasTarget,
          "is an alias of '\(alias.printable)', which is not the name of an earlier tensor", start)
      }
      return PackedIndex.Entry(name: name, content: .alias(of: target))
    }
    return PackedIndex.Entry(name: name, content: .tensor(try tensor(name, fields, start)))
  }

  private mutating func readFields(_ reader: inout CBORReader) throws -> EntryFields {
    var fields = EntryFields()
    _ = try reader.enterMap()
    while let key = try reader.nextKey() {
      let offset = reader.byteOffset
      switch key {
      case "name":
        fields.name = try readName(&reader)
        current = fields.name
      case "alias": fields.alias = try reader.readText()
      case "dtype":
        let text = try reader.readText()
        fields.dtype = DType(name: text)
        if fields.dtype == nil { throw error(.dtype, "unknown dtype '\(text.printable)'", offset) }
      case "shape": fields.shape = try readShape(&reader)
      case "terms": fields.terms = try readTerms(&reader)
      case "quality": fields.quality = try readQuality(&reader)
      case "content":
        let bytes = try reader.readBytes()
        fields.contentID = bytes
        guard bytes.count == 32 else {
          throw error(.indexValue, "a content id has \(bytes.count) bytes, expected 32", offset)
        }
      case "extensions": fields.extensions = try readExtensions(&reader)
      default: throw error(.indexKey, "an entry has the unknown key '\(key.printable)'", offset)
      }
    }
    return fields
  }

  private func tensor(_ name: String, _ fields: EntryFields, _ start: Int) throws -> PackedTensor {
    guard let dtype = fields.dtype, let shape = fields.shape, let terms = fields.terms else {
      throw error(.indexKey, "an entry needs dtype, shape and terms, or alias", start)
    }
    guard let info = try? TensorInfo(name: name, dtype: dtype, shape: shape) else {
      throw error(
        .shape, "\(shape.elementCount) values of \(dtype.name) do not end on a byte", start)
    }
    let tensor = PackedTensor(
      info, terms: try terms.map { try term($0.map, of: info, $0.offset) },
      quality: fields.quality, contentID: fields.contentID, extensions: fields.extensions)
    try check(tensor, start)
    return tensor
  }

  private func readName(_ reader: inout CBORReader) throws -> String {
    let offset = reader.byteOffset
    let name = try reader.readText()
    guard name.utf8.count <= Self.maximumNameByteCount else {
      throw error(
        .nameLength,
        "a name has \(name.utf8.count) bytes, the limit is "
          + "\(Self.maximumNameByteCount)", offset)
    }
    return name
  }

  private func readShape(_ reader: inout CBORReader) throws -> Shape {
    let offset = reader.byteOffset
    var dimensions: [Int] = []
    let count = try reader.enterArray()
    guard count <= Shape.maximumRank else {
      throw error(.shape, "\(Shape.Problem.rank(count))", offset)
    }
    while reader.nextElement() { dimensions.append(Int(clamping: try reader.readUInt())) }
    do { return try Shape(dimensions) } catch { throw self.error(.shape, "\(error)", offset) }
  }

  private func readTerms(
    _ reader: inout CBORReader
  ) throws -> [(offset: Int, map: CBORMap)] {
    var terms: [(offset: Int, map: CBORMap)] = []
    _ = try reader.enterArray()
    while reader.nextElement() {
      let offset = reader.byteOffset
      guard let map = try reader.readValue().asMap else {
        throw error(.indexValue, "a term is not a map", offset)
      }
      terms.append((offset, map))
    }
    return terms
  }

  private func term(_ map: CBORMap, of info: TensorInfo, _ offset: Int) throws -> PackedTerm {
    do { return try PackedTerm(map, of: info) } catch {
      throw self.error(error.fault, error.reason, offset)
    }
  }

  private func readQuality(_ reader: inout CBORReader) throws -> PackedTensor.Quality {
    let offset = reader.byteOffset
    guard let map = try reader.readValue().asMap else {
      throw self.error(.indexValue, "a quality is not a map", offset)
    }
    guard map.count == 3, ["norm", "error", "largest"].allSatisfy({ map[$0] != nil }) else {
      throw self.error(.indexKey, "a quality needs norm, error and largest", offset)
    }
    guard let norm = map["norm"]?.asFloat, let error = map["error"]?.asFloat,
      let largest = map["largest"]?.asFloat,
      [norm, error, largest].allSatisfy({ $0.isFinite && $0 >= 0 })
    else {
      throw self.error(
        .indexValue, "a quality has a number that is negative or not finite", offset)
    }
    return PackedTensor.Quality(norm: norm, error: error, largest: largest)
  }

  private func check(_ tensor: PackedTensor, _ offset: Int) throws {
    guard (1...PackedTensor.termLimit).contains(tensor.terms.count) else {
      throw error(
        .terms, "has \(tensor.terms.count) terms, expected 1 to \(PackedTensor.termLimit)", offset)
    }
    guard tensor.terms.allSatisfy({ $0.fault == nil }), tensor.form != .bits,
      !tensor.info.dtype.isPlainFloat
    else { return }
    throw error(.termDType, "terms of \(tensor.info.dtype.name) cannot be added", offset)
  }

  /// Returns an error of the current entry, if any, at `offset` in the CBOR.
  func error(_ fault: PackedFault, _ reason: String, _ offset: Int) -> FormatError {
    FormatError(
      fault, reason, path: path, tensor: current, byteOffset: byteOffset.map { $0 + offset })
  }

  /// Converts an error of `parse` into an error of the format.
  func formatError(_ thrown: any Error) -> FormatError {
    if let error = thrown as? FormatError { return error }
    guard let failure = thrown as? CBORError else {
      return FormatError(.indexEncoding, "\(thrown)", path: path, tensor: current)
    }
    let fault: PackedFault =
      if case .wrongKind = failure.problem { .indexValue } else { .indexEncoding }
    return error(fault, "the index: \(failure.reason)", failure.byteOffset)
  }
}
