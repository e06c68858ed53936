import Base
import TensorCore

extension PackedIndex {
  /// Returns the uncompressed CBOR of the index. Specification, section 5.
  package func encoded() -> [UInt8] {
    var writer = CBORWriter()
    writer.beginMap()
    writer.key("tensors")
    writer.beginArray()
    for entry in entries { write(entry, to: &writer) }
    writer.endArray()
    writer.key("attachments")
    writer.beginArray()
    for attachment in attachments {
      writer.beginMap()
      writer.key("name")
      writer.value(attachment.name)
      writer.key("bytes")
      writer.value(attachment.byteCount)
      writer.key("chunks")
      writer.value(attachment.chunkCount)
      writer.endMap()
    }
    writer.endArray()
    write("metadata", metadata, to: &writer)
    write("writer", self.writer, to: &writer)
    writer.key("features")
    writer.beginMap()
    for (key, names) in [("required", requiredFeatures), ("optional", optionalFeatures)] {
      writer.key(key)
      writer.beginArray()
      for name in names { writer.value(name) }
      writer.endArray()
    }
    writer.endMap()
    if let lineage {
      writer.key("lineage")
      writer.value(lineage)
    }
    if isSealed {
      writer.key("sealed")
      writer.value(true)
    }
    write(extensions, to: &writer)
    writer.endMap()
    return writer.bytes
  }

  private func write(_ entry: Entry, to writer: inout CBORWriter) {
    writer.beginMap()
    writer.key("name")
    writer.value(entry.name)
    switch entry.content {
    case .alias(let target):
      writer.key("alias")
      writer.value(entries[target].name)
    case .tensor(let tensor):
      writer.key("dtype")
      writer.value(tensor.info.dtype.name)
      writer.key("shape")
      writer.beginArray()
      for dimension in tensor.info.shape.dimensions { writer.value(dimension) }
      writer.endArray()
      writer.key("terms")
      writer.beginArray()
      for term in tensor.terms { writer.value(.map(term.map)) }
      writer.endArray()
      if let quality = tensor.quality {
        writer.key("quality")
        writer.value([
          "norm": .float(quality.norm), "error": .float(quality.error),
          "largest": .float(quality.largest),
        ])
      }
      if let contentID = tensor.contentID {
        writer.key("content")
        writer.value(contentID)
      }
      write(tensor.extensions, to: &writer)
    }
    writer.endMap()
  }

  private func write(_ extensions: [PackedExtension], to writer: inout CBORWriter) {
    guard !extensions.isEmpty else { return }
    writer.key("extensions")
    writer.beginMap()
    for item in extensions {
      writer.key(item.name)
      writer.value(["safe": .bool(item.isSafeToCopy), "value": item.value])
    }
    writer.endMap()
  }

  private func write(_ key: String, _ pairs: [Pair], to writer: inout CBORWriter) {
    writer.key(key)
    writer.beginMap()
    for pair in pairs {
      writer.key(pair.key)
      writer.value(pair.value)
    }
    writer.endMap()
  }
}
