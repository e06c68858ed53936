import Base
import TensorCore

/// Parsing of attachments, extensions, metadata and features.
extension PackedIndexParser {
  mutating func readAttachments(
    _ reader: inout CBORReader
  ) throws -> [PackedIndex.Attachment] {
    var attachments: [PackedIndex.Attachment] = []
    var names: Set<UTF8Key> = []
    _ = try reader.enterArray()
    while reader.nextElement() {
      let offset = reader.byteOffset
      var name: String?
      var byteCount: Int?
      var chunkCount: Int?
      _ = try reader.enterMap()
      while let key = try reader.nextKey() {
        switch key {
        case "name": name = try reader.readText()
        case "bytes": byteCount = Int(clamping: try reader.readUInt())
        case "chunks": chunkCount = Int(clamping: try reader.readUInt())
        default:
          throw error(.indexKey, "an attachment has the unknown key '\(key.printable)'", offset)
        }
      }
      guard let name, let byteCount, let chunkCount else {
        throw error(.indexKey, "an attachment needs name, bytes and chunks", offset)
      }
      guard RelativePath.isSafe(name) else {
        throw error(
          .attachmentName,
          "the name of the attachment '\(name.printable)' is not a plain relative path", offset)
      }
      guard names.insert(UTF8Key(name)).inserted else {
        throw error(.duplicateName, "the attachment '\(name.printable)' appears twice", offset)
      }
      guard let shape = try? Shape([byteCount]),
        let info = try? TensorInfo(name: name, dtype: .u8, shape: shape)
      else {
        throw error(
          .attachmentLength,
          "the attachment '\(name.printable)' declares \(byteCount) bytes, which exceeds the limits "
            + "of a shape", offset)
      }
      let attachment = PackedIndex.Attachment(info)
      guard chunkCount == attachment.info.grid.count else {
        throw error(
          .chunkCount,
          "the attachment '\(name.printable)' declares \(chunkCount) chunks, but its length "
            + "requires \(attachment.info.grid.count)", offset)
      }
      attachments.append(attachment)
    }
    return attachments
  }

  func readExtensions(_ reader: inout CBORReader) throws -> [PackedExtension] {
    var extensions: [PackedExtension] = []
    _ = try reader.enterMap()
    while let name = try reader.nextKey() {
      let offset = reader.byteOffset
      guard let map = try reader.readValue().asMap else {
        throw error(.indexValue, "an extension is not a map", offset)
      }
      guard map.count == 2, let safe = map["safe"], let value = map["value"] else {
        throw error(.indexKey, "an extension needs 'safe' and 'value'", offset)
      }
      guard let isSafe = safe.asBool else {
        throw error(.indexValue, "an extension has a 'safe' that is not true or false", offset)
      }
      extensions.append(PackedExtension(name: name, isSafeToCopy: isSafe, value: value))
    }
    return extensions
  }

  func readPairs(_ reader: inout CBORReader) throws -> [PackedIndex.Pair] {
    var pairs: [PackedIndex.Pair] = []
    _ = try reader.enterMap()
    while let key = try reader.nextKey() {
      pairs.append(PackedIndex.Pair(key: key, value: try reader.readText()))
    }
    return pairs
  }

  func readFeatures(_ reader: inout CBORReader, into index: inout PackedIndex) throws {
    let offset = reader.byteOffset
    var missing: Set<String> = ["required", "optional"]
    _ = try reader.enterMap()
    while let key = try reader.nextKey() {
      guard missing.remove(key) != nil else {
        throw error(.indexKey, "the features have the unknown key '\(key.printable)'", offset)
      }
      var names: [String] = []
      _ = try reader.enterArray()
      while reader.nextElement() {
        let name = try reader.readText()
        guard names.last.map({ UTF8Key($0) < UTF8Key(name) }) ?? true else {
          throw error(.indexValue, "the \(key) features are not in ascending order", offset)
        }
        names.append(name)
      }
      if key == "required" {
        index.requiredFeatures = names
      } else {
        index.optionalFeatures = names
      }
    }
    guard missing.isEmpty else {
      throw error(.indexKey, "the features must have the lists 'required' and 'optional'", offset)
    }
    if let name = index.requiredFeatures.first(where: { !Self.knownRequiredFeatures.contains($0) })
    {
      throw requiredFeatureError(name)
    }
  }
}
