import Base
import Checkpoints
import TensorCore
import Zip

/// The layout of a file that is written: the bytes of the small members and the place of every storage.
///
/// The folder is called `archive`, as in files that `torch.save` writes into a stream. Storages are in the order of the
/// tensors and start at multiples of 64 bytes. Aliases have no storage of their own.
struct PyTorchLayout: Sendable {
  private static let folder = "archive/"
  private static let version = "3\n"

  /// The tensors with a storage of their own, in order.
  let stored: [LazyTensor]
  /// All tensors.
  let tensors: [LazyTensor]
  /// The index of the storage of each tensor.
  let storages: [Int]
  private let zip: ZipLayout
  /// The content of the members that are not storages, which come before and after the storages.
  private let head: [[UInt8]]
  private let tail: [[UInt8]]

  init(
    _ tensors: [LazyTensor], metadata: [UInt8]?, path: String
  ) throws(FormatError) {
    self.tensors = tensors
    var stored: [LazyTensor] = []
    var storages: [Int] = []
    var indexes: [UTF8Key: Int] = [:]
    for tensor in tensors {
      if let original = tensor.aliasOf.flatMap({ indexes[UTF8Key($0)] }),
        stored[original].info.dtype == tensor.info.dtype,
        stored[original].info.shape == tensor.info.shape
      {
        storages.append(original)
      } else {
        indexes[UTF8Key(tensor.name)] = stored.count
        storages.append(stored.count)
        stored.append(tensor)
      }
    }
    self.stored = stored
    self.storages = storages
    head = [
      try PyTorchPickle.bytes(tensors, storages: storages, path: path), Array("little".utf8),
    ]
    tail = [Array(Self.version.utf8)] + (metadata.map { [$0] } ?? [])
    let names = ["version"] + (metadata == nil ? [] : [PyTorchArchive.metadataName])
    var entries: [ZipLayout.Entry] = []
    for (name, bytes) in Swift.zip(["data.pkl", "byteorder"], head) {
      entries.append(ZipLayout.Entry(name: Self.folder + name, byteCount: bytes.count))
    }
    for (index, tensor) in stored.enumerated() {
      entries.append(
        ZipLayout.Entry(
          name: Self.folder + "data/\(index)", byteCount: tensor.info.byteCount))
    }
    for (name, bytes) in Swift.zip(names, tail) {
      entries.append(ZipLayout.Entry(name: Self.folder + name, byteCount: bytes.count))
    }
    zip = try ZipLayout(entries, path: path)
  }

  var byteCount: Int { zip.byteCount }
  var valueByteCount: Int { stored.reduce(0) { $0 + $1.info.byteCount } }
  var chunkCount: Int { stored.reduce(0) { $0 + $1.info.grid.count } }

  /// The memory for the small members, the directory and the lists of tensors, in bytes.
  var fixedByteCount: Int {
    (head + tail).reduce(0) { $0 + $1.count } + zip.fixedByteCount + 1024 * tensors.count
  }

  var workspaceByteCount: Int { Engine.workspaceByteCount(of: stored, extra: { _ in 0 }) }

  /// Reserves space for the file and writes the values, the small members and the headers.
  /// - Parameter metadata: Returns the final content of the member with the metadata, after the values were written.
  func write(
    to file: OutputFile, engine: Engine, metadata: () throws -> [UInt8]?
  ) throws {
    try file.reserve(byteCount: byteCount)
    let checksums = ZipMemberChecksums(zip)
    let infos = stored.map(\.info)
    try engine.forEachTile(of: stored, workspaceByteCount: workspaceByteCount) {
      _, tile, values, _ in
      let bytes = infos[tile.tensor].bytes(of: tile.elements)
      let member = tile.tensor + head.count
      checksums.add(values, member: member, at: bytes.lowerBound)
      try file.write(values, at: zip.dataOffsets[member] + bytes.lowerBound)
    }
    var last = tail
    if let final = try metadata(), last.count > 1 { last[1] = final }
    let small =
      head.enumerated().map { ($0, $1) }
      + last.enumerated().map { ($0 + head.count + stored.count, $1) }
    for (member, bytes) in small {
      checksums.add(bytes.rawSpan, member: member, at: 0)
      try file.write(bytes.rawSpan, at: zip.dataOffsets[member])
    }
    try zip.write(checksums.all, to: file)
  }
}
