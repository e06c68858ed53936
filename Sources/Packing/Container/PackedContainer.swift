package import Base
package import Checkpoints
import Codecs
import PackedFormat
import TensorCore

extension ContainerName {
  package static let sumac = ContainerName(rawValue: "sumac")
  /// Folders of `.sumac` files with an index.
  package static let sumacShards = ContainerName(rawValue: "sumac-shards")
}

/// The container of `.sumac` files.
package enum PackedContainer: ContainerOutput {
  package static let name = ContainerName.sumac
  package static let summary = ".sumac"
  package static let explanation = """
    One file with the tensors in compressed chunks and a checksum for every byte. It also
    holds the other files of the model, such as config.json and the tokenizer, and restores
    all of them bit for bit. Tensors can be stored as a sum of terms: quantized, low-rank and
    sparse.
    """
  package static let suffix: String? = ".sumac"
  package static let isFolder = false
  package static let holdsTerms = true
  package static let isSequential = true
  package static let recordsLateInputs = true

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    if input.prefix.starts(with: FileHeader.magic.prefix(6)) { return .content }
    return !input.isFolder && input.path.hasSuffix(".sumac") ? .name : nil
  }

  package static func read(_ input: InputTree) throws -> Checkpoint {
    try read(input.openNamedFile(), limit: input.catalogLimit, path: input.path)
  }

  /// Reads the header of an open file.
  /// - Parameters:
  ///   - limit: The limit on memory for the catalog.
  ///   - path: The path in messages.
  package static func read(
    _ file: InputFile, limit: CatalogLimit, path: String
  ) throws -> Checkpoint {
    do {
      return try read(PackedReader(file, limit: limit), path: path)
    } catch let error as FormatError {
      throw try DownloadFault.error(in: file) ?? error
    }
  }

  package static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option] {
    var result = [Lineage.Option("compress", (options.compression ?? .fast).rawValue)]
    if options.isSealed { result.append(Lineage.Option("sealed", "true")) }
    if options.hasContentIDs { result.append(Lineage.Option("content-ids", "true")) }
    return result
  }

  package static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter {
    try PackedCheckpointWriter(checkpoint, options: options)
  }

  /// Returns the checkpoint of an open `.sumac` file.
  static func read(_ reader: PackedReader, path: String) throws -> Checkpoint {
    let file = reader.file
    let index = reader.index
    var tensors: [LazyTensor] = []
    for (entryIndex, entry) in index.entries.enumerated() {
      switch entry.content {
      case .tensor(let tensor):
        tensors.append(lazy(tensor, entry: entryIndex, reader: reader))
      case .alias(let target):
        var alias = tensors[target]
        alias.aliasOf = alias.name
        alias.info.name = entry.name
        tensors.append(alias)
      }
    }
    let firstAttachment = reader.firstSegments[index.entries.count]
    let companions = index.attachments.enumerated().map { number, attachment in
      let segment = firstAttachment + number
      return LazyTensor(
        info: attachment.info, source: PackedAttachmentSource(reader: reader, segment: segment),
        stored: stored(
          segment..<segment + 1, codec: "raw", dtype: .u8, reader: reader))
    }
    var notes: [Message] = []
    var lineage = Lineage()
    if let text = index.lineage {
      do { lineage = try Lineage(json: text) } catch {
        notes.append(
          "\(path.printable): the lineage cannot be read and is left out: \(error)")
      }
    }
    var checkpoint = Checkpoint(
      path: file.path, container: .sumac, tensors: tensors,
      metadata: index.metadata.filter { $0.key != Lineage.metadataKey }.map {
        Checkpoint.Metadatum(key: $0.key, value: $0.value)
      },
      companions: companions,
      lineage: lineage,
      identity: InputIdentity(
        hash: reader.trailer.hash.hexadecimal, byteCount: file.byteCount, coverage: .index),
      files: [file.identity], notes: notes)
    checkpoint.hasChecksums = true
    checkpoint.attributes[PackedExtensions.self] = index.extensions.filter {
      $0.name != FolderLayout.extensionName
    }
    if let layout = index.extensions.first(where: { $0.name == FolderLayout.extensionName }) {
      if let layout = FolderLayout(packed: layout.value) {
        checkpoint.folder = layout
      } else {
        checkpoint.notes.append(
          "\(path.printable): the names of the model folder cannot be read and are left out")
      }
    }
    return checkpoint
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
    lazy.attributes[PackedExtensions.self] = tensor.extensions
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
  /// Returns a checkpoint of the same `.sumac` files that verifies the seal of every chunk when it is read. Tensors and
  /// files from other sources are unchanged.
  package func checkingSeals() throws -> Checkpoint {
    var sealed: [ObjectIdentifier: PackedReader] = [:]
    func reader(_ reader: PackedReader) throws -> PackedReader? {
      guard reader.index.isSealed else { return nil }
      if let known = sealed[ObjectIdentifier(reader)] { return known }
      let checking = try PackedReader(reader.file, checksSeals: true)
      sealed[ObjectIdentifier(reader)] = checking
      return checking
    }
    var result = self
    for index in tensors.indices {
      guard let origin = tensors[index].packedOrigin, let entry = origin.entry,
        let reader = try reader(origin.reader), let stored = reader.tensor(ofEntry: entry)
      else { continue }
      result.tensors[index].source = PackedTensorSource(
        reader: reader, entry: entry, info: stored.info)
    }
    for index in companions.indices {
      guard let origin = companions[index].packedOrigin, let reader = try reader(origin.reader)
      else { continue }
      result.companions[index].source = PackedAttachmentSource(
        reader: reader, segment: origin.segments.lowerBound)
    }
    return result
  }
}
