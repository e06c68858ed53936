import PackedFormat
import Base
import TensorCore

/// `.sumac` files as checkpoints.
package enum PackedContainer: Container {
  package static var name: ContainerName { .sumac }

  package static func recognizes(_ input: InputGlance) -> Bool {
    input.prefix.starts(with: FileHeader.magic.prefix(6))
      || (!input.isDirectory && input.path.hasSuffix(".sumac"))
  }

  package static func read(_ path: String) throws -> Checkpoint {
    try read(PackedReader(InputFile(path: path)), path: path)
  }

  static func read(_ reader: PackedReader, path: String) throws -> Checkpoint {
    let file = reader.file
    let index = reader.index
    var tensors: [LazyTensor] = []
    for (place, entry) in index.entries.enumerated() {
      switch entry.content {
      case .tensor(let tensor):
        tensors.append(lazy(tensor, entry: place, reader: reader))
      case .alias(let target):
        var alias = tensors[target]
        alias.aliasOf = alias.name
        alias.info.name = entry.name
        tensors.append(alias)
      }
    }
    let firstAttachment = reader.firstSegments[index.entries.count]
    let companions = index.attachments.enumerated().map { place, attachment in
      let segment = firstAttachment + place
      return LazyTensor(
        info: attachment.info, source: PackedAttachmentSource(reader: reader, segment: segment),
        stored: stored(
          segment..<segment + 1, codec: "raw", dtype: .u8, reader: reader))
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
      files: [file.identity], notes: notes, extensions: index.extensions)
  }

  private static func lazy(
    _ tensor: PackedTensor, entry: Int, reader: PackedReader
  ) -> LazyTensor {
    let segments = reader.firstSegments[entry]..<reader.firstSegments[entry + 1]
    var lazy = LazyTensor(
      info: tensor.info,
      source: PackedTensorSource(reader: reader, entry: entry, info: tensor.info),
      stored: stored(segments, codec: tensor.label, dtype: tensor.info.dtype, reader: reader),
      fault: segments.lazy.compactMap { reader.fault(ofSegment: $0) }.first)
    lazy.extensions = tensor.extensions
    return lazy
  }

  private static func stored(
    _ segments: Range<Int>, codec: String, dtype: DType, reader: PackedReader
  ) -> StoredForm {
    StoredForm(
      file: FileSystem.baseName(of: reader.file.path),
      byteOffset: reader.byteOffset(ofSegment: segments.lowerBound),
      byteCount: segments.reduce(0) { $0 + reader.storedByteCount(ofSegment: $1) }, dtype: dtype,
      codec: codec, chunkCount: segments.reduce(0) { $0 + reader.segments[$1].chunkCount })
  }
}

extension Checkpoint {
  /// The same `.sumac` file with the seal of every chunk compared as it is read; other checkpoints
  /// as they are.
  package func checkingSeals() throws -> Checkpoint {
    let readers = (tensors + companions).lazy.compactMap { tensor in
      (tensor.source as? PackedTensorSource)?.reader
        ?? (tensor.source as? PackedAttachmentSource)?.reader
    }
    guard container == .sumac, let reader = readers.first, reader.index.isSealed else {
      return self
    }
    var sealed = try PackedContainer.read(
      PackedReader(reader.file, checksSeals: true), path: path)
    sealed.path = path
    return sealed
  }
}

extension LazyTensor {
  /// ‖x − x̂‖₂ over ‖x‖₂, where x are the values that it was made from, if the file says so.
  package var recordedError: Double? {
    guard let source = source as? PackedTensorSource,
      let quality = source.reader.tensor(ofEntry: source.entry)?.quality
    else { return nil }
    return quality.norm > 0 ? quality.error / quality.norm : 0
  }

  /// Whether a `.sumac` file holds less than the values that it was made from.
  package var isStoredWithLoss: Bool {
    guard let source = source as? PackedTensorSource,
      let tensor = source.reader.tensor(ofEntry: source.entry)
    else { return false }
    return !tensor.terms.allSatisfy(\.isLossless)
  }

  /// Whether a `.sumac` file holds it without its zeros.
  package var isStoredSparse: Bool {
    guard let source = source as? PackedTensorSource,
      let tensor = source.reader.tensor(ofEntry: source.entry)
    else { return false }
    return tensor.terms.contains { if case .sparse = $0.content { true } else { false } }
      && !tensor.terms.contains { if case .dense = $0.content { true } else { false } }
  }

  /// The SHA-256 of its values that a `.sumac` file says it has.
  package var recordedContentID: [UInt8]? {
    guard let source = source as? PackedTensorSource else { return nil }
    return source.reader.tensor(ofEntry: source.entry)?.contentID
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
