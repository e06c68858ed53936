import Base

/// The headers and the central directory of a ``ZipLayout``.
struct ZipLayoutHeaders {
  let layout: ZipLayout
  let checksums: [UInt32]

  /// The extra field that PyTorch pads with: the letters FB as its identifier, and Z as its content.
  private static let paddingIdentifier: UInt16 = 0x4246
  private static let zip64Identifier: UInt16 = 1
  /// 1980-01-01, the first date that can be stored.
  private static let date: UInt16 = 0x21
  /// A regular file that its owner can write and all can read, made on Unix.
  private static let attributes: UInt32 = 0o100644 << 16
  private static let madeOnUnix: UInt16 = 3 << 8

  private static func needsZip64(_ entry: ZipLayout.Entry) -> Bool {
    entry.byteCount >= Int(UInt32.max)
  }

  private static func localZip64ByteCount(_ entry: ZipLayout.Entry) -> Int {
    needsZip64(entry) ? 20 : 0
  }

  private static func centralZip64ByteCount(_ entry: ZipLayout.Entry, headerOffset: Int) -> Int {
    let count = (needsZip64(entry) ? 16 : 0) + (headerOffset >= Int(UInt32.max) ? 8 : 0)
    return count > 0 ? 4 + count : 0
  }

  /// Returns the offset of the data of an entry; the header before it is padded.
  static func dataOffset(of entry: ZipLayout.Entry, headerOffset: Int) -> Int {
    let least =
      headerOffset + ZipLength.localHeader + entry.name.utf8.count + localZip64ByteCount(entry)
    // An extra field needs four bytes for its own header.
    let start = least % ZipLayout.alignment == 0 ? least : least + 4
    return (start + ZipLayout.alignment - 1) / ZipLayout.alignment * ZipLayout.alignment
  }

  /// Returns the length of the central directory and the end records.
  static func directoryByteCount(
    _ entries: [ZipLayout.Entry], headerOffsets: [Int], directoryOffset: Int
  ) -> Int {
    let size = zip(entries, headerOffsets).reduce(0) { sum, entry in
      sum + ZipLength.directoryEntry + entry.0.name.utf8.count
        + centralZip64ByteCount(entry.0, headerOffset: entry.1)
    }
    let isZip64 = needsZip64EndRecord(
      count: entries.count, directory: directoryOffset..<directoryOffset + size)
    return size + ZipLength.endRecord
      + (isZip64 ? ZipLength.zip64EndRecord + ZipLength.zip64Locator : 0)
  }

  private static func needsZip64EndRecord(count: Int, directory: Range<Int>) -> Bool {
    count >= Int(UInt16.max) || directory.count >= Int(UInt32.max)
      || directory.lowerBound >= Int(UInt32.max)
  }

  /// Appends the fields that local headers and directory entries have in common, from the version to the length of the
  /// name.
  private func appendCommonFields(_ index: Int, version: UInt16, to bytes: inout [UInt8]) {
    let entry = layout.entries[index]
    let size = UInt32(clamping: entry.byteCount)
    bytes.append(version)
    // Bit 11: the name is UTF-8.
    bytes.append(entry.name.utf8.allSatisfy { $0 < 0x80 } ? 0 : 0x800 as UInt16)
    bytes.append(0 as UInt16)
    bytes.append(0 as UInt16)
    bytes.append(Self.date)
    bytes.append(checksums[index])
    bytes.append(size)
    bytes.append(size)
    bytes.append(UInt16(clamping: entry.name.utf8.count))
  }

  func localHeader(_ index: Int) -> [UInt8] {
    let entry = layout.entries[index]
    let isZip64 = Self.needsZip64(entry)
    let count = layout.dataOffsets[index] - layout.headerOffsets[index]
    let padding =
      count - ZipLength.localHeader - entry.name.utf8.count - Self.localZip64ByteCount(entry)
    var bytes: [UInt8] = []
    bytes.append(ZipSignature.localHeader)
    appendCommonFields(index, version: isZip64 ? 45 : 20, to: &bytes)
    bytes.append(UInt16(clamping: padding + Self.localZip64ByteCount(entry)))
    bytes += entry.name.utf8
    if isZip64 {
      bytes.append(Self.zip64Identifier)
      bytes.append(16 as UInt16)
      bytes.append(UInt64(entry.byteCount))
      bytes.append(UInt64(entry.byteCount))
    }
    if padding > 0 {
      bytes.append(Self.paddingIdentifier)
      bytes.append(UInt16(clamping: padding - 4))
      bytes += Array(repeating: UInt8(ascii: "Z"), count: padding - 4)
    }
    return bytes
  }

  /// Returns the central directory and the end records.
  func directory() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(layout.byteCount - layout.directoryOffset)
    for index in layout.entries.indices { appendEntry(index, to: &bytes) }
    appendEnd(directory: layout.directoryOffset..<layout.directoryOffset + bytes.count, to: &bytes)
    return bytes
  }

  private func appendEntry(_ index: Int, to bytes: inout [UInt8]) {
    let entry = layout.entries[index]
    let offset = layout.headerOffsets[index]
    let extra = Self.centralZip64ByteCount(entry, headerOffset: offset)
    let version: UInt16 = extra > 0 ? 45 : 20
    bytes.append(ZipSignature.directoryEntry)
    bytes.append(Self.madeOnUnix | version)
    appendCommonFields(index, version: version, to: &bytes)
    bytes.append(UInt16(clamping: extra))
    // No comment, on the first disk, without internal attributes.
    for _ in 0..<3 { bytes.append(0 as UInt16) }
    bytes.append(Self.attributes)
    bytes.append(UInt32(clamping: offset))
    bytes += entry.name.utf8
    guard extra > 0 else { return }
    bytes.append(Self.zip64Identifier)
    bytes.append(UInt16(clamping: extra - 4))
    if Self.needsZip64(entry) {
      bytes.append(UInt64(entry.byteCount))
      bytes.append(UInt64(entry.byteCount))
    }
    if offset >= Int(UInt32.max) { bytes.append(UInt64(offset)) }
  }

  private func appendEnd(directory: Range<Int>, to bytes: inout [UInt8]) {
    let count = layout.entries.count
    if Self.needsZip64EndRecord(count: count, directory: directory) {
      bytes.append(ZipSignature.zip64EndRecord)
      bytes.append(UInt64(ZipLength.zip64EndRecord - 12))
      bytes.append(Self.madeOnUnix | 45)
      bytes.append(45 as UInt16)
      bytes.append(0 as UInt32)
      bytes.append(0 as UInt32)
      bytes.append(UInt64(count))
      bytes.append(UInt64(count))
      bytes.append(UInt64(directory.count))
      bytes.append(UInt64(directory.lowerBound))
      bytes.append(ZipSignature.zip64Locator)
      bytes.append(0 as UInt32)
      bytes.append(UInt64(directory.upperBound))
      bytes.append(1 as UInt32)
    }
    bytes.append(ZipSignature.endRecord)
    bytes.append(0 as UInt16)
    bytes.append(0 as UInt16)
    bytes.append(UInt16(clamping: count))
    bytes.append(UInt16(clamping: count))
    bytes.append(UInt32(clamping: directory.count))
    bytes.append(UInt32(clamping: directory.lowerBound))
    bytes.append(0 as UInt16)
  }
}

extension [UInt8] {
  /// Appends an integer in little-endian order.
  fileprivate mutating func append<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
    for shift in stride(from: 0, to: T.bitWidth, by: 8) {
      append(UInt8(truncatingIfNeeded: value >> T(shift)))
    }
  }
}
