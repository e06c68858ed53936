import Base
package import Checkpoints
import Crypto
import TensorCore

extension ContainerName {
  package static let npy = ContainerName(rawValue: "npy")
}

/// The container for .npy files, which hold one array.
package enum NPYContainer: ContainerOutput {
  package static let name = ContainerName.npy
  package static let summary = ".npy"
  package static let explanation = """
    One array, as numpy.save writes it. The tensor has the name of the file.
    """
  package static let suffix: String? = ".npy"
  package static let isFolder = false
  package static let holdsTerms = false

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    guard !input.isFolder else { return nil }
    if input.prefix.starts(with: NPYHeader.magic) { return .content }
    return input.path.hasSuffix(".npy") ? .name : nil
  }

  package static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option] { [] }

  package static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter {
    try NPYWriter(checkpoint, options: options)
  }

  /// Reads the header. The tensor has the name of the file without its suffix.
  package static func read(_ input: InputTree) throws -> Checkpoint {
    let file = try input.openNamedFile()
    let array: NPYArray
    do {
      array = try NPYArray(
        file, name: stem(of: input.fileName ?? FileSystem.baseName(of: file.path)))
    } catch let error as FormatError {
      throw try DownloadFault.error(in: file) ?? error
    }
    let info = array.info
    let stored = FileTensorSource(file: file, info: info, byteOffset: array.header.dataOffset)
    let tensor = LazyTensor(
      info: info, source: array.source(stored, panels: FortranPanels(), number: 0),
      stored: StoredForm(
        file: FileSystem.baseName(of: file.path), byteOffset: array.header.dataOffset,
        byteCount: info.byteCount, dtype: info.dtype, codec: array.codec))
    let hash = Array(SHA256.hash(data: array.header.bytes)).hexadecimal
    return Checkpoint(
      path: input.path, container: .npy, tensors: [tensor],
      identity: InputIdentity(hash: hash, byteCount: file.byteCount), files: [file.identity])
  }

  private static func stem(of fileName: String) -> String {
    let isSuffixed = fileName.lowercased().hasSuffix(".npy") && fileName.utf8.count > 4
    return isSuffixed ? String(fileName.dropLast(4)) : fileName
  }
}
