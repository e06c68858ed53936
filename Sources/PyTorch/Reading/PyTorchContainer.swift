import Base
package import Checkpoints
import Zip

extension ContainerName {
  package static let pyTorch = ContainerName(rawValue: "pytorch")
}

/// The container for files of PyTorch: `.pt`, `.pth`, `.bin` and `.ckpt`.
package enum PyTorchContainer: ContainerOutput {
  package static let name = ContainerName.pyTorch
  package static let summary = "PyTorch (.pt, .pth, .bin, .ckpt)"
  package static let explanation = """
    Files of torch.save. They are read by a machine that knows the few functions that build
    tensors and calls nothing, so that a file cannot run code. Tensors in nested dictionaries
    are chosen with --key. Written so that torch.load(weights_only=True) reads them.
    """
  package static let suffix: String? = ".pt"
  package static let isFolder = false
  package static let holdsTerms = false
  /// All suffixes of files that may be files of PyTorch.
  package static let suffixes = outputSuffixes + [".jit"]
  package static let outputSuffixes = [".pt", ".pth", ".bin", ".ckpt"]

  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    guard !input.isFolder else { return nil }
    if PyTorchLegacyFile.isLegacy(prefix: input.prefix) { return .content }
    // The names in an archive are not known while it is a stream.
    if ZipDirectory.isZip(prefix: input.prefix), input.isStream || hasPickle(input) {
      return .content
    }
    // A pickle of another program, which is read as far as its first suspicious name.
    if let first = input.prefix.first, first == PickleOpcode.proto.rawValue, input.prefix.count > 1,
      (2...5).contains(input.prefix[1])
    {
      return .content
    }
    let path = input.path.lowercased()
    return suffixes.contains { path.hasSuffix($0) } ? .name : nil
  }

  /// True if an archive has a pickle in a folder. The first member shows it in nearly all files.
  private static func hasPickle(_ input: InputTree) -> Bool {
    guard let file = try? input.openNamedFile(),
      let start = try? file.bytes(at: 0, count: min(file.byteCount, 512)),
      let length = start.rawSpan.littleEndian(UInt16.self, at: 26)
    else { return false }
    let name = String(decoding: start.dropFirst(30).prefix(Int(length)), as: UTF8.self)
    if PyTorchArchive.isPickle(name) { return true }
    guard let directory = try? ZipDirectory(file, limit: input.catalogLimit) else { return false }
    return directory.members.contains { PyTorchArchive.isPickle($0.name) }
  }

  package static func lineageOptions(_ options: WriterOptions) -> [Lineage.Option] { [] }

  package static func writer(
    _ checkpoint: Checkpoint, options: WriterOptions
  ) throws -> any CheckpointWriter {
    try PyTorchWriter(checkpoint, options: options)
  }

  package static func read(_ input: InputTree) throws -> Checkpoint {
    try read(input, key: input.choice.key)
  }

  /// Reads a file.
  /// - Parameter key: The part that is read; see ``PyTorchFile/init(_:limit:key:)``.
  package static func read(_ input: InputTree, key: String?) throws -> Checkpoint {
    let file = try PyTorchFile(input.openNamedFile(), limit: input.catalogLimit, key: key)
    var checkpoint = Checkpoint(
      path: input.path, container: .pyTorch, tensors: file.tensors, metadata: file.metadata,
      lineage: file.lineage, identity: file.identity, files: [file.file.identity], notes: file.notes
    )
    checkpoint.hasChecksums = file.hasChecksums
    return checkpoint
  }
}
