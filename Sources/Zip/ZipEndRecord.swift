import Base

/// The end of a ZIP archive: where the central directory is and how many members it has.
///
/// Source: APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.
struct ZipEndRecord {
  let memberCount: Int
  let directory: Range<Int>

  /// A bound on the central directory, far above that of any model.
  private static let maximumDirectoryByteCount = 1 << 30

  /// Reads the end of a file. The directory must end where the end records start.
  init(_ file: InputFile) throws {
    let count = min(
      file.byteCount, ZipLength.endRecord + Int(UInt16.max) + ZipLength.zip64Locator)
    let start = file.byteCount - count
    let tail = try file.bytes(at: start, count: count)
    let record = try Self.find(in: tail.rawSpan, start: start, path: file.path)
    let fields = tail.rawSpan.extracting(record..<record + ZipLength.endRecord)
    var recordsOffset = start + record
    var (members, size, offset) = (
      UInt64(fields.field16(10)), UInt64(fields.field32(12)), UInt64(fields.field32(16))
    )
    let disks = [fields.field16(4), fields.field16(6)]
    let membersOnDisk = UInt64(fields.field16(8))
    let locator = record - ZipLength.zip64Locator
    let path = file.path
    if tail.rawSpan.littleEndian(UInt32.self, at: locator) == ZipSignature.zip64Locator {
      let zip64 = try Zip64EndRecord(
        file, locator: tail.rawSpan.extracting(locator..<record), at: start + locator)
      guard disks.allSatisfy({ $0 == 0 || $0 == .max }) else {
        throw Self.severalDisks(path, start + record)
      }
      let agrees =
        (members == zip64.memberCount || members == UInt64(UInt16.max))
        && (membersOnDisk == zip64.memberCount || membersOnDisk == UInt64(UInt16.max))
        && (size == zip64.directoryByteCount || size == UInt64(UInt32.max))
        && (offset == zip64.directoryOffset || offset == UInt64(UInt32.max))
      guard agrees else {
        throw FormatError(
          .endRecord, "the end record disagrees with the ZIP64 end record", path: path,
          byteOffset: start + record)
      }
      (members, size, offset) = (
        zip64.memberCount, zip64.directoryByteCount, zip64.directoryOffset
      )
      recordsOffset = zip64.byteOffset
    } else if disks != [0, 0] || membersOnDisk != members {
      throw Self.severalDisks(path, start + record)
    }
    directory = try Self.directory(
      size: size, offset: offset, end: recordsOffset, path: path)
    guard members <= UInt64(directory.count / ZipLength.directoryEntry) else {
      throw FormatError(
        .directory,
        "the end record states \(members) members, but the central directory has only "
          + "\(directory.count) bytes", path: path, byteOffset: start + record)
    }
    memberCount = Int(members)
  }

  private static func severalDisks(_ path: String, _ byteOffset: Int) -> FormatError {
    FormatError(
      .severalDisks, "is a part of an archive of several volumes", path: path,
      byteOffset: byteOffset)
  }

  /// Returns the offset of the only end record whose comment ends with the file.
  private static func find(
    in tail: RawSpan, start: Int, path: String
  ) throws(FormatError) -> Int {
    var found: Int?
    var other: Int?
    var position = tail.byteCount - ZipLength.endRecord
    while position >= 0 {
      if tail.field32(position) == ZipSignature.endRecord {
        let end = position + ZipLength.endRecord + Int(tail.field16(position + 20))
        if end == tail.byteCount {
          guard found == nil else {
            throw FormatError(
              .endRecord, "has several end records, so its content is ambiguous", path: path,
              byteOffset: start + position)
          }
          found = position
        } else if other == nil, end < tail.byteCount {
          other = end
        }
      }
      position -= 1
    }
    if let found { return found }
    if let other {
      throw FormatError(
        .endRecord, "has \(tail.byteCount - other) bytes after the end of the ZIP archive",
        path: path, byteOffset: start + other)
    }
    throw FormatError(
      .endRecord, "does not end with the end record of a ZIP archive", path: path,
      hint: "the file is probably incomplete: download it again")
  }

  private static func directory(
    size: UInt64, offset: UInt64, end: Int, path: String
  ) throws(FormatError) -> Range<Int> {
    guard size <= UInt64(maximumDirectoryByteCount) else {
      throw FormatError(
        .directory, "the central directory would have \(size) bytes, the limit is 1 GiB",
        path: path, byteOffset: end)
    }
    guard offset <= UInt64(end), UInt64(end) - offset == size else {
      throw FormatError(
        .directory,
        "the central directory of \(size) bytes at byte \(offset) does not end at the end record",
        path: path, byteOffset: end,
        hint: "bytes may have been added before the archive, or removed from it")
    }
    return Int(offset)..<end
  }
}

/// The end record of an archive with more members or bytes than 16 or 32 bits can count.
private struct Zip64EndRecord {
  let byteOffset: Int
  let memberCount: UInt64
  let directoryByteCount: UInt64
  let directoryOffset: UInt64

  init(_ file: InputFile, locator: RawSpan, at locatorOffset: Int) throws {
    let length = ZipLength.zip64EndRecord
    guard let offset = Int(exactly: locator.field64(8)), offset <= locatorOffset - length else {
      throw FormatError(
        .endRecord, "the ZIP64 locator points outside of the archive", path: file.path,
        byteOffset: locatorOffset)
    }
    byteOffset = offset
    let bytes = try file.bytes(at: offset, count: length)
    let fields = bytes.rawSpan
    // The size does not count itself and the signature before it.
    guard fields.field32(0) == ZipSignature.zip64EndRecord,
      fields.field64(4) == UInt64(locatorOffset - offset - 12)
    else {
      throw FormatError(
        .endRecord, "there is no ZIP64 end record where the locator points", path: file.path,
        byteOffset: offset)
    }
    memberCount = fields.field64(32)
    directoryByteCount = fields.field64(40)
    directoryOffset = fields.field64(48)
    guard locator.field32(4) == 0, locator.field32(16) <= 1, fields.field32(16) == 0,
      fields.field32(20) == 0, fields.field64(24) == memberCount
    else {
      throw FormatError(
        .severalDisks, "is a part of an archive of several volumes", path: file.path,
        byteOffset: offset)
    }
  }
}
