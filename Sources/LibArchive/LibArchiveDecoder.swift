package import Base
import Glibc
import TensorCore

/// The content that libarchive decodes.
package enum EncodedContent: Sendable {
  /// A whole gzip or bzip2 file.
  case gzip, bzip2
  /// The data of a member of a ZIP archive.
  case zipMember(method: UInt16, crc32: UInt32, byteCount: Int)

  /// The number of bzip2 in ZIP archives.
  package static let bzip2Method: UInt16 = 12

  /// The memory of a decoder for the input, the window and the tables, in bytes.
  package var decoderByteCount: Int {
    switch self {
    case .gzip, .zipMember(8, _, _): 1 << 20
    case .bzip2, .zipMember: 6 << 20
    }
  }
}

/// A decoder of one compressed file or member, by libarchive.
///
/// libarchive parses no names and no structure here: archives are read by this program, which needs the place of every
/// member and refuses more.
@safe package final class LibArchiveDecoder: ByteDecoder {
  private let library: LibArchiveLibrary
  private let archive: LibArchiveLibrary.Archive
  private let source: EncodedBytes
  private let path: String
  /// The range of the encoded bytes.
  private let byteOffset: Int

  /// - Throws: ``FormatError`` if libarchive is not installed or refuses the first bytes.
  package init(
    _ content: EncodedContent, in range: Range<Int>, of file: InputFile, path: String
  ) throws {
    guard let library = LibArchiveLibrary.shared else {
      throw FormatError(
        .archiveLibrary,
        "is compressed, which needs the library \(LibArchiveLibrary.fileName)", path: path,
        hint: "install the Debian package \(LibArchiveLibrary.packageName), or decompress the "
          + "file first")
    }
    self.library = library
    self.path = path
    byteOffset = range.lowerBound
    source = EncodedBytes(
      range, of: file, header: content.header(storedByteCount: range.count))
    guard let archive = unsafe library.create() else {
      throw FormatError(.archiveLibrary, "libarchive has not enough memory", path: path)
    }
    unsafe self.archive = archive
    try start(content)
  }

  deinit { _ = unsafe library.free(archive) }

  private func start(_ content: EncodedContent) throws {
    let filter: Int32
    switch content {
    case .gzip: filter = unsafe library.supportGzip(archive) | library.supportRaw(archive)
    case .bzip2: filter = unsafe library.supportBzip2(archive) | library.supportRaw(archive)
    case .zipMember: filter = unsafe library.supportZip(archive)
    }
    // Other results mean that another program would decode.
    guard filter == 0 else {
      throw FormatError(
        .archiveLibrary, "libarchive was built without this compression", path: path)
    }
    let client = unsafe Unmanaged.passUnretained(source).toOpaque()
    // SAFETY: the source lives as long as the archive, which is freed in deinit.
    let opened = unsafe library.open(
      archive, client, nil,
      { _, client, start in
        guard let client = unsafe client, let start = unsafe start else { return -1 }
        return unsafe Unmanaged<EncodedBytes>.fromOpaque(client).takeUnretainedValue().next(start)
      }, nil)
    var entry: OpaquePointer?
    guard opened == 0, unsafe library.nextHeader(archive, &entry) == 0 else { throw failure() }
  }

  private func failure() -> any Error {
    if let failure = source.failure { return failure }
    let text = unsafe library.errorText(archive).map { unsafe String(cString: $0) }
    return FormatError(
      .damagedArchive, "cannot be decompressed: \((text ?? "unknown reason").printable)",
      path: path, byteOffset: byteOffset)
  }

  @_lifetime(target: copy target)
  package func read(into target: inout MutableRawSpan) throws -> Int {
    // SAFETY: libarchive writes at most the length of the buffer.
    let count = unsafe target.withUnsafeMutableBytes { buffer in
      unsafe library.readData(archive, buffer.baseAddress, buffer.count)
    }
    guard count >= 0 else { throw failure() }
    return count
  }
}

extension EncodedContent {
  /// A header that libarchive needs before the encoded bytes: that of a ZIP member without a name of its own.
  fileprivate func header(storedByteCount: Int) -> [UInt8] {
    guard case .zipMember(let method, let crc, let byteCount) = self else { return [] }
    let name = UInt8(ascii: "m")
    var bytes: [UInt8] = [0x50, 0x4B, 3, 4]
    func append<T: FixedWidthInteger>(_ value: T) {
      for shift in stride(from: 0, to: T.bitWidth, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
      }
    }
    append(45 as UInt16)
    append(0 as UInt16)
    append(method)
    append(0x21_0000 as UInt32)
    append(crc)
    append(UInt32.max)
    append(UInt32.max)
    append(1 as UInt16)
    append(20 as UInt16)
    bytes.append(name)
    // The sizes in 64 bits.
    append(1 as UInt16)
    append(16 as UInt16)
    append(UInt64(byteCount))
    append(UInt64(storedByteCount))
    return bytes
  }
}

extension FormatError.Code {
  package static let archiveLibrary = FormatError.Code(
    "archive.library",
    meaning: "A compressed archive cannot be read without the library libarchive.",
    remedy: "Install the Debian package libarchive13, or decompress the file first.")
  package static let damagedArchive = FormatError.Code(
    "archive.damaged",
    meaning: "The compressed bytes of an archive or a member are damaged or incomplete.",
    remedy: "Fetch the file again and compare its size or checksum.")
}
