import Base
import Checkpoints
import Crypto
import TensorCore
import Zip

/// An open .npz file with the headers of its arrays.
struct NPZFile {
  let tensors: [LazyTensor]
  /// The SHA-256 of the names and headers, in hexadecimal digits.
  let hash: String

  /// The memory for a header and the lazy tensor, in bytes, besides that for the member.
  private static let catalogByteCount = 1280
  /// The number of errors about members that are reported together.
  private static let maximumErrorCount = 20

  /// Reads the headers of all members.
  /// - Throws: ``FormatError``, or several of them if several arrays cannot be read; ``UsageError`` if the catalog does
  ///   not fit into the limit.
  init(_ file: InputFile, limit: CatalogLimit) throws {
    let directory = try ZipDirectory(file, limit: limit)
    let nameByteCount = directory.members.reduce(0) { $0 + $1.name.utf8.count }
    try limit.check(
      CatalogSize(tensorCount: directory.members.count, headerByteCount: nameByteCount),
      perTensor: Self.catalogByteCount, path: file.path)
    let panels = FortranPanels()
    var hash = SHA256()
    var tensors: [LazyTensor] = []
    var errors: [FormatError] = []
    for (number, member) in directory.members.enumerated() where !member.isFolder {
      do {
        let (tensor, header) = try Self.tensor(member, number, in: directory, panels)
        tensors.append(tensor)
        hash.update(data: Array("\(member.name)\0".utf8))
        hash.update(data: header)
      } catch let error as FormatError {
        errors.append(error)
        guard errors.count < Self.maximumErrorCount else { break }
      }
    }
    try SeveralErrors.throwIfAny(errors)
    self.tensors = tensors
    self.hash = Array(hash.finalize()).hexadecimal
  }

  private static func tensor(
    _ member: ZipMember, _ number: Int, in directory: ZipDirectory, _ panels: FortranPanels
  ) throws -> (LazyTensor, header: [UInt8]) {
    let suffix = NPZContainer.memberSuffix
    guard member.name.hasSuffix(suffix) else {
      throw FormatError(
        .member, "the member '\(member.name.printable)' is not an .npy file",
        path: directory.file.path, hint: "write the file again without it")
    }
    let checksum = try ZipChecksum(member, in: directory)
    let array = try NPYArray(checksum.file, name: String(member.name.dropLast(suffix.count)))
    // The checksum covers the header too.
    var buffer = ByteBuffer(byteCount: array.header.dataOffset)
    var header = buffer.mutableBytes
    try checksum.read(at: 0, into: &header)
    let info = array.info
    let stored = ZipTensorSource(
      info: info, byteOffset: array.header.dataOffset, checksum: checksum)
    let data = try directory.dataRange(of: member)
    let isStored = member.method == .stored
    let form = StoredForm(
      file: FileSystem.baseName(of: directory.file.path),
      byteOffset: data.lowerBound + (isStored ? array.header.dataOffset : 0),
      byteCount: isStored ? info.byteCount : data.count, dtype: info.dtype,
      codec: isStored ? array.codec : array.codec == "raw" ? "deflate" : "deflate " + array.codec)
    let source = array.source(stored, checksum: checksum, panels: panels, number: number)
    return (LazyTensor(info: info, source: source, stored: form), array.header.bytes)
  }
}
