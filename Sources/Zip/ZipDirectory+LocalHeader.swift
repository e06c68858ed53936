import Base

/// Checks of the headers of members (APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.3.9).
extension ZipDirectory {
  /// Returns the bytes of the archive that store a member, after checking that its header agrees with the central
  /// directory and that they fill the space up to the next member.
  package func dataRange(of member: ZipMember) throws -> Range<Int> {
    let nameStart = member.headerOffset + ZipLength.localHeader
    let header = try file.bytes(at: member.headerOffset, count: ZipLength.localHeader)
    let fields = header.rawSpan
    let nameCount = Int(fields.field16(26))
    let extraCount = Int(fields.field16(28))
    let start = nameStart + nameCount + extraCount
    guard fields.field32(0) == ZipSignature.localHeader else {
      throw error(.localHeader, member, "has no header")
    }
    guard nameCount == member.name.utf8.count, start <= member.endOffset,
      member.storedByteCount <= member.endOffset - start
    else { throw error(.localHeader, member, "has a header of a wrong length") }
    let rest = try file.bytes(at: nameStart, count: nameCount + extraCount)
    try check(fields, rest.rawSpan, nameCount: nameCount, of: member)
    let end = start + member.storedByteCount
    try checkDescriptor(of: member, at: end)
    return start..<end
  }

  private func check(
    _ fields: RawSpan, _ rest: RawSpan, nameCount: Int, of member: ZipMember
  ) throws(FormatError) {
    guard rest.extracting(0..<nameCount).array().elementsEqual(member.name.utf8) else {
      throw error(.localHeader, member, "has another name in its header")
    }
    guard fields.field16(8) == member.method.number else {
      throw error(.localHeader, member, "has another compression method in its header")
    }
    let flags = fields.field16(6)
    guard flags & 0x2041 == 0, (flags & 8 != 0) == member.hasDescriptor else {
      throw error(.localHeader, member, "has other flags in its header")
    }
    var zip64 = Zip64Field(rest.extracting(nameCount..<rest.byteCount))
    let byteCount = zip64.value(fields.field32(22))
    let storedByteCount = zip64.value(fields.field32(18))
    let crc = fields.field32(14)
    // Values that follow in a descriptor are 0 here.
    let agrees =
      (byteCount == member.byteCount || (member.hasDescriptor && byteCount == 0))
      && (storedByteCount == member.storedByteCount
        || (member.hasDescriptor && storedByteCount == 0))
      && (crc == member.crc32 || (member.hasDescriptor && crc == 0))
    guard agrees else {
      throw error(.localHeader, member, "has another size or CRC-32 in its header")
    }
  }

  /// Throws unless the bytes between the data and the next member are exactly the descriptor, if there is one.
  private func checkDescriptor(of member: ZipMember, at end: Int) throws {
    let count = member.endOffset - end
    guard member.hasDescriptor else {
      guard count == 0 else {
        throw error(.gap, member, "is followed by \(count) bytes that belong to nothing", at: end)
      }
      return
    }
    // With or without a signature, with sizes of 32 or 64 bits.
    let lengths = [12, 16, 20, 24]
    guard lengths.contains(count) else {
      throw error(
        .gap, member, "is followed by \(count) bytes, which is not a data descriptor", at: end)
    }
    let bytes = try file.bytes(at: end, count: count)
    let hasSignature = count % 8 == 0
    let fields = bytes.rawSpan.extracting((hasSignature ? 4 : 0)..<count)
    let (stored, whole) =
      fields.byteCount == 12
      ? (UInt64(fields.field32(4)), UInt64(fields.field32(8)))
      : (fields.field64(4), fields.field64(12))
    guard !hasSignature || bytes.rawSpan.field32(0) == ZipSignature.descriptor,
      fields.field32(0) == member.crc32, stored == UInt64(member.storedByteCount),
      whole == UInt64(member.byteCount)
    else { throw error(.localHeader, member, "disagrees with its data descriptor", at: end) }
  }
}
