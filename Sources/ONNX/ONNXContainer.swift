import Base
package import Checkpoints
import Crypto
import TensorCore

extension ContainerName {
  package static let onnx = ContainerName(rawValue: "onnx")
}

/// The container for the initializers of ONNX models, which is only read.
///
/// The graph is not interpreted: constants inside of nodes are not tensors of the checkpoint.
package enum ONNXContainer: Container {
  package static let name = ContainerName.onnx
  package static let summary = ".onnx"
  package static let explanation = """
    A model with its graph, of which the initializers are read, also from external files.
    Constants inside of nodes are not tensors of the model.
    """
  package static let suffix: String? = ".onnx"

  /// The greatest version of the format that the first bytes are compared with.
  private static let greatestVersion: UInt8 = 0x7F

  /// A model starts with its version, as all writers put it first; two bytes alone are no evidence without the name.
  package static func recognition(of input: InputTree) -> ContainerRecognition? {
    guard !input.isFolder, input.path.lowercased().hasSuffix(".onnx") else { return nil }
    let isVersion =
      input.prefix.count > 2 && input.prefix[0] == 0x08
      && (1...greatestVersion).contains(input.prefix[1])
    return isVersion ? .content : .name
  }

  /// The memory for a message, its parts while it is read, and the lazy tensor, in bytes.
  private static let catalogByteCount = 1024

  package static func read(_ input: InputTree) throws -> Checkpoint {
    let file = try input.openNamedFile()
    do { return try read(file, input) } catch let error as FormatError {
      throw try DownloadFault.error(in: file) ?? error
    }
  }

  private static func read(_ file: InputFile, _ input: InputTree) throws -> Checkpoint {
    var reader = ProtobufReader(file)
    try input.catalogLimit.check(
      ModelMessage.catalogSize(&reader), perTensor: catalogByteCount, path: file.path)
    let model = try ModelMessage(&reader)
    var catalog = ONNXCatalog(file, input)
    var nodeCount = 0
    var position = model.graph.lowerBound
    while let field = try reader.next(&position, end: model.graph.upperBound) {
      switch field.number {
      case ModelMessage.GraphNumber.node: nodeCount += 1
      case ModelMessage.GraphNumber.initializer:
        try catalog.add(TensorMessage(reader.bytes(field), &reader), &reader)
      case ModelMessage.GraphNumber.sparseInitializer:
        throw FormatError(
          .sparse, "the graph has sparse initializers, which are not read", path: file.path,
          byteOffset: field.byteOffset)
      default: break
      }
    }
    try catalog.finish()
    let external = catalog.externalFiles.files
    let metadata = model.metadata.filter { $0.key != Lineage.metadataKey }
    return Checkpoint(
      path: input.path, container: .onnx, tensors: catalog.tensors, metadata: metadata,
      identity: InputIdentity(
        hash: hash(catalog.tensors, metadata),
        byteCount: external.reduce(file.byteCount) { $0 + $1.byteCount }),
      files: [file.identity] + external.map(\.identity),
      notes: nodeCount == 0
        ? []
        : [
          "\(file.path.printable): only initializers are read; the graph of "
            + "\(nodeCount.counted("node")) is left out"
        ])
  }

  /// Returns the SHA-256 of the catalog, which says nothing about the values.
  private static func hash(
    _ tensors: [LazyTensor], _ metadata: [Checkpoint.Metadatum]
  ) -> String {
    var hash = SHA256()
    for datum in metadata {
      hash.update(data: Array("\(datum.key)\0\(datum.value.text)\0".utf8))
    }
    for tensor in tensors {
      let (info, stored) = (tensor.info, tensor.stored)
      hash.update(
        data: Array(
          ("\(info.name)\0\(info.dtype.name)\0\(info.shape)\0\(stored.file)\0"
            + "\(stored.byteOffset)\0\(stored.byteCount)\0").utf8))
    }
    return Array(hash.finalize()).hexadecimal
  }
}
