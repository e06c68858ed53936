import Base
package import Checkpoints
import Crypto
import TensorCore
import Zip

extension ContainerName {
  package static let npz = ContainerName(rawValue: "npz")
}

/// The container for .npz files: ZIP archives whose members are .npy files.
package enum NPZContainer: ContainerOutput {
  package static let name = ContainerName.npz
  package static let summary = ".npz"
  package static let explanation = """
    A ZIP archive of .npy files, as numpy.savez writes it, with one array for each tensor.
    """
  package static let suffix: String? = ".npz"
  package static let isFolder = false
  package static let holdsTerms = false

  /// The suffix of the members, which the names of the arrays lack.
  static let memberSuffix = ".npy"

  /// An archive is taken for an .npz file if its name says so, or if its first member is an .npy file.
  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    guard !input.isFolder else { return nil }
    let isNamed = input.path.hasSuffix(".npz")
    guard ZipDirectory.isZip(prefix: input.prefix) else { return isNamed ? .name : nil }
    return isNamed || startsWithArray(input) ? .content : nil
  }

  private static func startsWithArray(_ input: InputTree) -> Bool {
    let start = 30
    guard let file = try? input.openNamedFile(), file.byteCount > start,
      let header = try? file.bytes(at: 0, count: start),
      let length = header.rawSpan.littleEndian(UInt16.self, at: 26),
      file.byteCount - start >= Int(length),  // fits: 16 bits
      let name = try? file.bytes(at: start, count: Int(length))  // fits: 16 bits
    else { return false }
    return name.reversed().starts(with: memberSuffix.utf8.reversed())
  }

  package static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option] { [] }

  package static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter {
    try NPZWriter(checkpoint, options: options)
  }

  package static func read(_ input: InputTree) throws -> Checkpoint {
    let file = try input.openNamedFile()
    let archive: NPZFile
    do { archive = try NPZFile(file, limit: input.catalogLimit) } catch let error as FormatError {
      throw try DownloadFault.error(in: file) ?? error
    }
    var checkpoint = Checkpoint(
      path: input.path, container: .npz, tensors: archive.tensors,
      identity: InputIdentity(hash: archive.hash, byteCount: file.byteCount),
      files: [file.identity])
    // The CRC-32 of each member.
    checkpoint.hasChecksums = true
    return checkpoint
  }
}
