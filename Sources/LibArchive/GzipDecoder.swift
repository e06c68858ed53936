package import Base
import TensorCore

/// A decoder of a gzip file that compares the CRC-32 and the length at its end, which libarchive does not.
///
/// A file of several gzip members is refused, because only the last of their checksums could be compared.
package final class GzipDecoder: ByteDecoder {
  private let decoder: LibArchiveDecoder
  private let file: InputFile
  private var crc: UInt32 = 0
  private var byteCount: UInt32 = 0

  package init(_ file: InputFile) throws {
    self.file = file
    decoder = try LibArchiveDecoder(
      .gzip, in: 0..<file.byteCount, of: file, path: file.path)
  }

  @_lifetime(target: copy target)
  package func read(into target: inout MutableRawSpan) throws -> Int {
    let count = try decoder.read(into: &target)
    guard count > 0 else {
      try compare()
      return 0
    }
    crc = Kernels.crc32(target.bytes.extracting(0..<count), continuing: crc)
    byteCount &+= UInt32(truncatingIfNeeded: count)
    return count
  }

  private func compare() throws {
    let trailer = try file.bytes(at: max(0, file.byteCount - 8), count: min(8, file.byteCount))
    guard trailer.rawSpan.littleEndian(UInt32.self, at: 0) == crc,
      trailer.rawSpan.littleEndian(UInt32.self, at: 4) == byteCount
    else {
      throw FormatError(
        .damagedArchive,
        "does not have the CRC-32 and length that its end states, or consists of several gzip files",
        path: file.path, byteOffset: max(0, file.byteCount - 8),
        hint: "if it is not damaged, decompress it first with: gzip -d")
    }
  }
}
