package import Base
package import Checkpoints
import Zip

/// The tensors and plain values of a file of PyTorch.
///
/// The tensors of nested containers have the keys that lead to them as names, joined by dots; positions in lists are
/// numbers, and attributes of objects have their names. If the weights of a model are in one dictionary with a known
/// name, such as `state_dict`, and all other tensors are the state of a training, only the weights are read; `notes`
/// says so.
package struct PyTorchFile: Sendable {
  package let file: InputFile
  package let tensors: [LazyTensor]
  package let metadata: [Checkpoint.Metadatum]
  package let lineage: Lineage
  package let notes: [Message]
  package let identity: InputIdentity
  /// All classes and functions that the pickle names, sorted.
  package let globals: [String]
  /// True if a checksum covers all values.
  package let hasChecksums: Bool

  /// The memory for a tensor in the pickle, in the list of names, and as a lazy tensor, in bytes.
  static let catalogByteCount = 1800
  /// The key of the metadata under which the classes and functions of the pickle are listed.
  package static let globalsKey = "pytorch.globals"
  private static let maximumGlobalCount = 1000

  /// Reads the pickle of a file.
  /// - Parameter key: The keys that lead to the part that is read, joined by dots, such as `model.state_dict`; an empty
  ///   key stands for the whole file; nil to choose.
  /// - Throws: ``FormatError``; that of the download if the file is a trace of a failed one. ``UsageError`` if the
  ///   catalog does not fit into the limit.
  package init(_ file: InputFile, limit: CatalogLimit = .none, key: String? = nil) throws {
    do { try self.init(contentOf: file, limit, key) } catch let error as FormatError {
      throw try DownloadFault.error(in: file) ?? error
    }
  }

  private init(contentOf file: InputFile, _ limit: CatalogLimit, _ key: String?) throws {
    let content = try Self.content(of: file, limit)
    let tree = PickleTree(heap: content.heap)
    var hasTensors = tree.nodesWithTensors(from: content.root)
    let part: PyTorchKey
    switch key {
    case "": part = PyTorchKey(root: content.root)
    case let key?:
      part = try PyTorchKey(key, from: content.root, in: tree, path: content.picklePath)
      hasTensors = tree.nodesWithTensors(from: part.root)
    case nil:
      part = PyTorchKey(automaticallyFrom: content.root, in: tree, hasTensors: hasTensors)
    }
    let isTensor = tree.isTensor(part.root)
    let names = try TensorNames(
      of: part.root, in: tree, hasTensors: hasTensors, prefix: isTensor ? part.lastKey : "",
      path: content.picklePath)
    guard !names.names.isEmpty else { throw Self.noTensors(content, tree, part) }
    try limit.check(
      CatalogSize(
        tensorCount: names.names.count,
        headerByteCount: names.names.reduce(0) { $0 + $1.name.utf8.count }),
      perTensor: Self.catalogByteCount, path: file.path)
    self.file = file
    tensors = try Self.tensors(names, content, fileName: FileSystem.baseName(of: file.path))
    globals = content.heap.globals.map(\.text).sorted { $0.precedesAsBytes($1) }
    identity = InputIdentity(hash: content.identityHash, byteCount: file.byteCount)
    hasChecksums = content.hasChecksums
    var notes = PyTorchNotes.notes(
      part: part, names: names, tree: tree, isAutomatic: key == nil)
    let plain = PickleMetadata(of: content.root, in: tree) { text in
      part.leftOut.contains { $0.key == text }
    }
    let own = try PyTorchMetadata(content.ownMetadata, path: file.path, notes: &notes)
    notes += PyTorchNotes.notes(plain, heap: content.heap, names: names, path: file.path)
    lineage = own.lineage
    metadata = Self.metadata(plain.metadata, own.metadata, globals: globals)
    self.notes = notes
  }

  private static func content(of file: InputFile, _ limit: CatalogLimit) throws -> PyTorchContent {
    let prefix = try file.bytes(at: 0, count: min(16, file.byteCount))
    if ZipDirectory.isZip(prefix: prefix) {
      return try PyTorchArchive(file, limit: limit).read()
    }
    guard prefix.first == PickleOpcode.proto.rawValue else {
      throw FormatError(
        .notPyTorch,
        prefix.isEmpty
          ? "is empty" : "starts like neither a ZIP archive nor a pickle", path: file.path,
        byteOffset: 0, hint: "PyTorch files are written by torch.save")
    }
    return try PyTorchLegacyFile(file, limit: limit).read()
  }

  private static func noTensors(
    _ content: PyTorchContent, _ tree: PickleTree, _ part: PyTorchKey
  ) -> FormatError {
    let known = tree.topLevelKeys(of: content.root).prefix(12).map { PickleMachine.shown($0) }
    let place = part.keys.isEmpty ? "the file" : "the part '\(part.text.printable)' of the file"
    return FormatError(
      .noTensors, "\(place) holds no tensors", path: content.picklePath,
      hint: known.isEmpty ? nil : "its keys are: \(known.joined(separator: ", "))")
  }

  private static func tensors(
    _ names: TensorNames, _ content: PyTorchContent, fileName: String
  ) throws -> [LazyTensor] {
    var resolver = TensorResolver(
      content, tensors: names.names.map(\.tensor), fileName: fileName)
    var known: Set<UTF8Key> = []
    return try names.names.map { name, index in
      guard known.insert(UTF8Key(name)).inserted else {
        throw FormatError(
          .name, "two tensors of the file have this name", path: content.picklePath, tensor: name,
          byteOffset: content.heap.tensors[index].pickleOffset,
          hint: "read a part of the file with \(setting: "key")")
      }
      return try resolver.tensor(named: name, index)
    }
  }

  /// Returns the metadata sorted by key: the values of the pickle, those that this program stored, and the globals.
  private static func metadata(
    _ plain: [Checkpoint.Metadatum], _ own: [Checkpoint.Metadatum], globals: [String]
  ) -> [Checkpoint.Metadatum] {
    var names: [MetadataValue] = globals.prefix(maximumGlobalCount).map { .string($0) }
    if globals.count > maximumGlobalCount {
      names.append(.string("and \(globals.count - maximumGlobalCount) more"))
    }
    let all = Checkpoint.Metadatum(key: globalsKey, value: .array(names))
    var known: Set<UTF8Key> = []
    return ([all] + own + plain).filter { known.insert(UTF8Key($0.key)).inserted }
      .sorted { $0.key.precedesAsBytes($1.key) }
  }
}
