package import Base
import LibArchive
import TensorCore

extension ZipDirectory {
  /// Opens a member: in place if it is stored, otherwise as bytes that are decoded while they are read. The methods are
  /// deflate and bzip2.
  ///
  /// Reading does not compare the CRC-32; see ``ZipChecksum``.
  package func open(_ member: ZipMember) throws -> InputFile {
    let range = try dataRange(of: member)
    let path = path(of: member)
    switch member.method {
    case .stored: return InputFile(range, of: file, path: path)
    case .deflated, .other(EncodedContent.bzip2Method):
      let order = member.headerOffset
      let content = EncodedContent.zipMember(
        method: member.method.number, crc32: member.crc32, byteCount: member.byteCount)
      let stream = DecodedStream(
        byteCount: member.byteCount, order: order, in: streams,
        decoderByteCount: content.decoderByteCount, path: path
      ) { [file] _ in (try LibArchiveDecoder(content, in: range, of: file, path: path), 0) }
      return InputFile(stream, from: file, path: path)
    case .other(let number):
      throw error(
        .method, member, "is compressed with method \(number), which is not supported")
    }
  }

  /// Returns the bytes of a member after comparing their CRC-32.
  /// - Parameter limit: The largest number of bytes to accept.
  package func verifiedBytes(of member: ZipMember, limit: Int) throws -> [UInt8] {
    guard member.byteCount <= limit else {
      throw error(
        .memberSize, member,
        "has \(member.byteCount.grouped) bytes, more than the \(limit.grouped) that are expected")
    }
    let bytes = try open(member).bytes(at: 0, count: member.byteCount)
    let crc = Kernels.crc32(bytes.rawSpan)
    guard crc == member.crc32 else { throw checksumError(member, found: crc) }
    return bytes
  }

  func checksumError(_ member: ZipMember, found: UInt32) -> FormatError {
    error(
      .checksum, member,
      "is damaged: its CRC-32 is \(found.hexadecimalDigits), expected "
        + member.crc32.hexadecimalDigits)
  }
}

extension UInt32 {
  /// The number as eight hexadecimal digits.
  fileprivate var hexadecimalDigits: String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
