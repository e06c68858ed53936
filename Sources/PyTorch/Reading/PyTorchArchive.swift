import Base
import Crypto
import Zip

/// A file of `torch.save` or `torch.jit.save`: a ZIP archive with one folder that contains a pickle and the storages.
///
/// Source: `torch/serialization.py` and `caffe2/serialize/inline_container.cc` of PyTorch 2.
struct PyTorchArchive {
  private static let maximumVersion = 10
  /// The name of the member, in the folder, with the metadata and the lineage that this program writes.
  static let metadataName = "sumac_metadata.json"
  private static let maximumMetadataByteCount = 64 << 20

  private let directory: ZipDirectory
  private let limit: CatalogLimit
  /// The name of the folder with a slash.
  private let folder: String

  init(_ file: InputFile, limit: CatalogLimit) throws {
    self.limit = limit
    directory = try ZipDirectory(file, limit: limit)
    let pickles = directory.members.filter { Self.isPickle($0.name) }
    guard let pickle = pickles.first else {
      throw FormatError(
        .record, "the ZIP archive has no member 'data.pkl' in a folder", path: file.path,
        hint: "the file is not one of torch.save")
    }
    guard pickles.count == 1 else {
      throw FormatError(
        .record, "the ZIP archive has \(pickles.count) folders with a member 'data.pkl'",
        path: file.path)
    }
    folder = String(pickle.name.dropLast(Self.pickleName.count))
    for member in directory.members where !member.name.hasPrefix(folder) {
      throw FormatError(
        .record,
        "member '\(member.name.printable)' is not in the folder '\(folder.printable)' of the others",
        path: file.path)
    }
  }

  private static let pickleName = "data.pkl"

  /// True for the name of the pickle in a folder at the top.
  static func isPickle(_ name: String) -> Bool {
    name.hasSuffix("/" + pickleName) && name.utf8.count { $0 == UInt8(ascii: "/") } == 1
      && name.utf8.count > pickleName.utf8.count + 1
  }

  func read() throws -> PyTorchContent {
    let order = try checkedByteOrder()
    try checkVersion()
    guard let member = directory[folder + Self.pickleName] else {
      throw FormatError(.record, "the pickle is missing", path: directory.file.path)
    }
    let path = directory.path(of: member)
    try limit.check(
      CatalogSize(tensorCount: 0, headerByteCount: member.byteCount), perTensor: 0, path: path)
    let pickle = try directory.verifiedBytes(of: member, limit: member.byteCount)
    var machine = PickleMachine(PickleCursor(pickle, path: path), limit: limit)
    let root = try machine.run()
    guard machine.cursor.remainingByteCount == 0 else {
      throw FormatError(
        .trailing,
        "\(machine.cursor.remainingByteCount.counted("byte")) after the end of the pickle belong to nothing",
        path: path, byteOffset: machine.cursor.byteOffset)
    }
    return PyTorchContent(
      heap: machine.heap, root: root, picklePath: path,
      storages: try storages(of: machine.heap, path: path, isBigEndian: order == .big),
      identityHash: identityHash(pickle), ownMetadata: try ownMetadata(), hasChecksums: true)
  }

  // MARK: Small members

  private enum ByteOrder: String { case little, big }

  private func text(_ name: String) throws -> String? {
    guard let member = directory[folder + name] else { return nil }
    let bytes = try directory.verifiedBytes(of: member, limit: 1 << 10)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func checkedByteOrder() throws -> ByteOrder {
    guard let text = try text("byteorder") else { return .little }
    guard let order = ByteOrder(rawValue: text) else {
      throw FormatError(
        .byteOrder, "the byte order is '\(PickleMachine.shown(text))', expected little or big",
        path: directory.file.path + "/" + folder + "byteorder")
    }
    return order
  }

  private func checkVersion() throws {
    let name = [".data/version", "version"].first { directory[folder + $0] != nil } ?? "version"
    let path = directory.file.path + "/" + folder + name
    guard let text = try text(name) else {
      throw FormatError(.record, "the archive does not state its version", path: path)
    }
    let digits = text.drop { $0.isWhitespace }.prefix { !$0.isWhitespace }
    guard let version = Int(digits), (1...Self.maximumVersion).contains(version) else {
      throw FormatError(
        .version,
        "the version is '\(PickleMachine.shown(String(digits)))', expected a number from 1 to "
          + "\(Self.maximumVersion)", path: path)
    }
  }

  private func ownMetadata() throws -> [UInt8]? {
    guard let member = directory[folder + Self.metadataName] else { return nil }
    return try directory.verifiedBytes(of: member, limit: Self.maximumMetadataByteCount)
  }

  // MARK: Storages

  private func storages(
    of heap: PickleHeap, path: String, isBigEndian: Bool
  ) throws -> [String: TorchStorageBytes] {
    var storages: [String: TorchStorageBytes] = [:]
    for (key, storage) in try PyTorchContent.declaredStorages(of: heap, path: path) {
      guard !key.isEmpty,
        key.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") })
      else {
        throw FormatError(
          .storage, "the key '\(PickleMachine.shown(key))' of a storage is not a plain name",
          path: path, byteOffset: storage.pickleOffset)
      }
      guard let member = directory[folder + "data/" + key] else {
        throw FormatError(
          .record,
          "the archive has no member '\((folder + "data/").printable)\(PickleMachine.shown(key))'",
          path: directory.file.path,
          hint: "a tensor needs it; the file may be cut short or made by a faulty writer")
      }
      guard let expected = storage.byteCount, expected == member.byteCount else {
        throw FormatError(
          .storage,
          "the storage has \(member.byteCount.grouped) bytes, but the pickle declares "
            + "\(storage.elementCount.grouped) elements, which need \((storage.byteCount ?? 0).grouped)",
          path: directory.path(of: member))
      }
      let checksum = try ZipChecksum(member, in: directory)
      storages[key] = TorchStorageBytes(
        file: checksum.file, byteOffset: 0, byteCount: member.byteCount,
        reportedOffset: try directory.dataRange(of: member).lowerBound, checksum: checksum,
        isBigEndian: isBigEndian)
    }
    return storages
  }

  /// Returns the SHA-256 of the pickle and of the names, sizes and checksums of all members.
  private func identityHash(_ pickle: [UInt8]) -> String {
    var hash = SHA256()
    hash.update(pickle.rawSpan)
    for member in directory.members {
      let line = "\(member.name)\n\(member.byteCount) \(member.crc32)\n"
      hash.update(Array(line.utf8).rawSpan)
    }
    return Array(hash.finalize()).hexadecimal
  }
}
