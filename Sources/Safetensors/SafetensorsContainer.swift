package import Base
package import Checkpoints
import Crypto
import TensorCore

extension ContainerName {
  package static let safetensors = ContainerName(rawValue: "safetensors")
}

/// The container for single safetensors files.
package enum SafetensorsContainer: ContainerOutput {
  package static let name = ContainerName.safetensors
  package static let summary = ".safetensors"
  package static let explanation = """
    One file with a JSON header, followed by the values of all tensors. It holds tensors and
    strings, but no other files of a model. Read and written by most programs.
    """
  package static let suffix: String? = ".safetensors"
  package static let isFolder = false
  package static let holdsTerms = false
  package static let recordsLateInputs = true

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    guard !input.isFolder else { return nil }
    let length = input.prefix.rawSpan.littleEndian(UInt64.self, at: 0) ?? .max
    if input.prefix.count > 8, input.prefix[8] == UInt8(ascii: "{"),
      length <= UInt64(SafetensorsHeader.maximumByteCount)
    {
      return .content
    }
    return input.path.hasSuffix(".safetensors") ? .name : nil
  }

  package static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option] { [] }

  package static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter {
    try SafetensorsWriter(checkpoint, options: options)
  }

  package static func read(_ input: InputTree) throws -> Checkpoint {
    let path = input.path
    let shard = try SafetensorsFile(input.openNamedFile(), limit: input.catalogLimit)
    var notes: [Message] = []
    let (metadata, lineage) = split(shard.header.metadata ?? [], path: path, notes: &notes)
    var checkpoint = Checkpoint(
      path: path, container: .safetensors, tensors: shard.tensors, metadata: metadata,
      lineage: lineage, identity: shard.identity, files: [shard.file.identity], notes: notes)
    // Other names, such as that of an output of this program, mean nothing to the library that reads a folder.
    let name = input.fileName ?? ""
    if WeightFileNames.safetensorsStems.contains(WeightFileNames.stem(of: name)) {
      checkpoint.folder.weightsName = WeightFileNames.weightsName(of: name)
    }
    return checkpoint
  }

  /// Separates the lineage from the metadata; an unreadable lineage is left out and reported in `notes`.
  package static func split(
    _ metadata: [Checkpoint.Metadatum], path: String, notes: inout [Message]
  ) -> ([Checkpoint.Metadatum], Lineage) {
    var lineage = Lineage()
    if let text = metadata.first(where: { $0.key == Lineage.metadataKey })?.value.asString {
      do { lineage = try Lineage(json: text) } catch {
        notes.append("\(path.printable): the lineage cannot be read and is left out: \(error)")
      }
    }
    let rest = metadata.filter { $0.key != Lineage.metadataKey }
    return (rest.sorted { $0.key.precedesAsBytes($1.key) }, lineage)
  }
}

/// An open safetensors file with its header.
package struct SafetensorsFile: Sendable {
  package let file: InputFile
  package let header: SafetensorsHeader
  package let identity: InputIdentity

  /// Reads the header of a file.
  /// - Throws: ``FormatError``; that of the download if the file is a trace of a failed one. ``UsageError`` if the
  ///   catalog does not fit into the limit.
  package init(_ file: InputFile, limit: CatalogLimit = .none) throws {
    do { try self.init(headerOf: file, limit) } catch let error as FormatError {
      throw try DownloadFault.error(in: file) ?? error
    }
  }

  /// The memory for an entry of the header, its parts while the header is parsed, and the lazy tensor, in bytes.
  private static let catalogByteCount = 560

  private init(headerOf file: InputFile, _ limit: CatalogLimit) throws {
    self.file = file
    let path = file.path
    let start = try file.bytes(at: 0, count: min(8, file.byteCount))
    let byteCount = try SafetensorsHeader.headerByteCount(
      start.rawSpan, fileByteCount: file.byteCount, path: path)
    var buffer = ByteBuffer(byteCount: 8 + byteCount)
    var head = buffer.mutableBytes
    try file.read(at: 0, into: &head)
    try limit.check(
      SafetensorsHeader.catalogSize(head.bytes.extracting(8..<8 + byteCount)),
      perTensor: Self.catalogByteCount, path: path)
    header = try SafetensorsHeader(head.bytes, fileByteCount: file.byteCount, path: path)
    var hash = SHA256()
    hash.update(head.bytes)
    identity = InputIdentity(
      hash: Array(hash.finalize()).hexadecimal, byteCount: file.byteCount)
  }

  package var tensors: [LazyTensor] {
    let name = FileSystem.baseName(of: file.path)
    return header.entries.map { entry in
      LazyTensor(
        info: entry.info,
        source: FileTensorSource(file: file, info: entry.info, byteOffset: entry.byteOffset),
        stored: StoredForm(
          file: name, byteOffset: entry.byteOffset, byteCount: entry.info.byteCount,
          dtype: entry.info.dtype))
    }
  }
}
