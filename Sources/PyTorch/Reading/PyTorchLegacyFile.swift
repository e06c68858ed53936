import Base
import Crypto

/// A file of `torch.save` before PyTorch 1.6: five pickles, then the storages one after the other.
///
/// The pickles are a magic number, the version of the protocol, facts about the machine, the object, and the list of the
/// keys of the storages. Each storage is its number of elements in eight bytes and its values, both little-endian on
/// every machine. The file ends with the last storage: bytes after it are refused, because they would be lost.
///
/// Source: `_legacy_save` and `_legacy_load` in `torch/serialization.py`.
struct PyTorchLegacyFile {
  private static let magic = "119547037146038801333356"
  private static let protocolVersion = 1001

  private let file: InputFile
  private let limit: CatalogLimit

  init(_ file: InputFile, limit: CatalogLimit) {
    self.file = file
    self.limit = limit
  }

  /// True if a file starts with the magic number in protocol 2.
  static func isLegacy(prefix: [UInt8]) -> Bool {
    prefix.starts(with: [
      0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
    ])
  }

  func read() throws -> PyTorchContent {
    var cursor = PickleCursor(file, at: 0)
    try checkStart(&cursor)
    let start = cursor.byteOffset
    let (info, _) = try pickle(&cursor)
    guard case .dict = info.kind else {
      throw FormatError(
        .notPyTorch, "the third pickle of the file is not a dictionary", path: file.path,
        byteOffset: start)
    }
    let (object, root) = try pickle(&cursor)
    let keysOffset = cursor.byteOffset
    let (list, keyList) = try pickle(&cursor)
    let keys = try (list.heap.elements(keyList) ?? []).map { value in
      guard let key = list.heap.string(value) else {
        throw FormatError(
          .storage, "the key of a storage is not a string", path: file.path,
          byteOffset: keysOffset)
      }
      return key
    }
    guard case .list = list.kind else {
      throw FormatError(
        .storage, "the file has no list of the keys of storages", path: file.path,
        byteOffset: keysOffset)
    }
    let headers = cursor.byteOffset
    var hash = SHA256()
    let storages = try storages(keys, of: object.heap, at: headers, &hash)
    try hashHeaders(headers, &hash)
    return PyTorchContent(
      heap: object.heap, root: root, picklePath: file.path, storages: storages,
      identityHash: Array(hash.finalize()).hexadecimal, ownMetadata: nil, hasChecksums: false)
  }

  private struct Pickle {
    var heap: PickleHeap
    var kind: PickleNode?
  }

  private func pickle(_ cursor: inout PickleCursor) throws -> (Pickle, PickleValue) {
    var machine = PickleMachine(cursor, limit: limit)
    let value = try machine.run()
    cursor = machine.cursor
    return (Pickle(heap: machine.heap, kind: machine.heap.node(value)), value)
  }

  /// Reads the magic number and the version of the protocol.
  private func checkStart(_ cursor: inout PickleCursor) throws {
    let (first, _) = try pickle(&cursor)
    guard case .bigInteger(Self.magic)? = first.kind else {
      throw FormatError(
        .notPyTorch,
        "the file is a pickle, but does not start with the magic number of torch.save",
        path: file.path, byteOffset: 0,
        hint: "save the tensors in Python with torch.save, or as a safetensors file")
    }
    let start = cursor.byteOffset
    let (_, version) = try pickle(&cursor)
    guard case .integer(Self.protocolVersion) = version else {
      throw FormatError(
        .notPyTorch, "the version of the file is not \(Self.protocolVersion)", path: file.path,
        byteOffset: start)
    }
  }

  private func hashHeaders(_ byteCount: Int, _ hash: inout SHA256) throws {
    var done = 0
    while done < byteCount {
      let bytes = try file.bytes(at: done, count: min(1 << 20, byteCount - done))
      hash.update(bytes.rawSpan)
      done += bytes.count
    }
  }

  // MARK: Storages

  private func storages(
    _ keys: [String], of heap: PickleHeap, at start: Int, _ hash: inout SHA256
  ) throws -> [String: TorchStorageBytes] {
    let declared = try Dictionary(
      uniqueKeysWithValues: PyTorchContent.declaredStorages(of: heap, path: file.path)
        .map { ($0.key, $0.storage) })
    var storages: [String: TorchStorageBytes] = [:]
    var offset = start
    for key in keys {
      guard let storage = declared[key], storages[key] == nil else {
        throw FormatError(
          .storage,
          "storage '\(PickleMachine.shown(key))' is listed twice or belongs to no tensor",
          path: file.path, byteOffset: start)
      }
      let place = try place(of: storage, at: offset, &hash)
      storages[key] = place
      offset = place.byteOffset + place.byteCount
    }
    guard storages.count == declared.count else {
      throw FormatError(
        .record, "a storage of the pickle is not in the list of storages", path: file.path,
        byteOffset: start)
    }
    guard offset == file.byteCount else {
      throw FormatError(
        .trailing,
        "\((file.byteCount - offset).counted("byte")) after the last storage belong to nothing",
        path: file.path, byteOffset: offset,
        hint: "a second object may have been saved into the same file, which is not read")
    }
    return storages
  }

  private func place(
    of storage: TorchStorage, at offset: Int, _ hash: inout SHA256
  ) throws -> TorchStorageBytes {
    let shown = PickleMachine.shown(storage.key)
    guard file.byteCount - offset >= 8 else {
      throw FormatError(
        .storage, "the length of storage '\(shown)' is missing", path: file.path,
        byteOffset: offset, hint: "the file may be cut short")
    }
    let prefix = try file.bytes(at: offset, count: 8)
    hash.update(prefix.rawSpan)
    let count = prefix.rawSpan.littleEndian(Int64.self, at: 0)
    guard let count, count == Int64(storage.elementCount), let byteCount = storage.byteCount else {
      throw FormatError(
        .storage,
        "storage '\(shown)' has \(count ?? 0) elements here, but the pickle declares "
          + "\(storage.elementCount)", path: file.path, byteOffset: offset)
    }
    guard byteCount <= file.byteCount - offset - 8 else {
      throw FormatError(
        .storage,
        "storage '\(shown)' needs \(byteCount.grouped) bytes, but the file has only "
          + "\((file.byteCount - offset - 8).grouped) left", path: file.path,
        byteOffset: offset + 8, hint: "the file may be cut short")
    }
    return TorchStorageBytes(
      file: file, byteOffset: offset + 8, byteCount: byteCount, reportedOffset: offset + 8,
      checksum: nil, isBigEndian: false)
  }
}
