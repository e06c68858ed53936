import PackedFormat
import TensorCore

/// `.sumac` files as checkpoints.
package enum PackedContainer: Container {
  package static var name: ContainerName { .sumac }

  package static func recognizes(_ input: InputGlance) -> Bool {
    input.prefix.starts(with: FileHeader.magic.prefix(6))
      || (!input.isDirectory && input.path.hasSuffix(".sumac"))
  }

  package static func read(_ path: String) throws -> Checkpoint {
    let file = try InputFile(path: path)
    let reader = try PackedReader(file)
    let index = reader.index
    var tensors: [LazyTensor] = []
    var segment = 0
    for entry in index.entries {
      switch entry.content {
      case .tensor(let info, let terms):
        tensors.append(tensor(info, terms: terms, firstSegment: segment, reader: reader))
        segment += terms.count
      case .alias(let target):
        var alias = tensors[target]
        alias.aliasOf = alias.name
        alias.info.name = entry.name
        tensors.append(alias)
      }
    }
    let companions = index.attachments.indices.map { place in
      let info = index.attachments[place].info
      return tensor(
        info, terms: [reader.segments[segment + place].term], firstSegment: segment + place,
        reader: reader)
    }
    var notes: [String] = []
    var lineage = Lineage()
    if let text = index.lineage {
      do { lineage = try Lineage(json: text) } catch {
        notes.append("\(path.printable): the lineage cannot be read and is left out: \(error)")
      }
    }
    return Checkpoint(
      path: file.path, container: .sumac, tensors: tensors,
      metadata: index.metadata.filter { $0.key != Lineage.metadataKey }.map {
        Checkpoint.Metadatum(key: $0.key, value: $0.value)
      },
      companions: companions,
      lineage: lineage,
      identity: InputIdentity(
        hash: reader.trailer.hash.hexadecimal, byteCount: file.byteCount),
      files: [file.identity], notes: notes)
  }

  private static func tensor(
    _ info: TensorInfo, terms: [PackedIndex.Term], firstSegment: Int, reader: PackedReader
  ) -> LazyTensor {
    let stored = StoredForm(
      file: FileSystem.baseName(of: reader.file.path),
      byteOffset: reader.byteOffset(ofSegment: firstSegment),
      byteCount: terms.indices.reduce(0) {
        $0 + reader.storedByteCount(ofSegment: firstSegment + $1)
      },
      dtype: info.dtype,
      codec: terms.map(\.codec).joined(separator: "+"),
      chunkCount: terms.reduce(0) { $0 + $1.chunkCount })
    return LazyTensor(
      info: info, source: PackedTensorSource(reader: reader, segment: firstSegment), stored: stored,
      fault: terms.indices.lazy.compactMap { reader.fault(ofSegment: firstSegment + $0) }.first)
  }
}

extension [UInt8] {
  /// Two lower-case digits a byte.
  package var hexadecimal: String {
    reduce(into: "") { text, byte in
      text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }
}
