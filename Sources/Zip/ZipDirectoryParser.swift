import Base

/// Parses the entries of a central directory.
///
/// Source: APPNOTE.TXT 6.3.10, section 4.3.12.
struct ZipDirectoryParser: ~Escapable {
  private let bytes: RawSpan
  /// The offset of the directory in the file.
  private let start: Int
  private let path: String
  private var position = 0

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, start: Int, path: String) {
    self.bytes = bytes
    self.start = start
    self.path = path
  }

  /// Parses all entries, which must fill the directory.
  mutating func members(count: Int) throws(FormatError) -> [ZipMember] {
    var members: [ZipMember] = []
    members.reserveCapacity(count)
    var names: Set<UTF8Key> = []
    for _ in 0..<count {
      let member = try member()
      guard names.insert(UTF8Key(member.name)).inserted else {
        throw error(.duplicate, "two members have the name '\(member.name.printable)'")
      }
      members.append(member)
    }
    guard position == bytes.byteCount else {
      throw error(
        .directory,
        "the central directory has \(bytes.byteCount - position) more bytes than members")
    }
    return try placed(members)
  }

  private func error(_ fault: ZipFault, _ reason: String) -> FormatError {
    FormatError(fault, reason, path: path, byteOffset: start + position)
  }

  private mutating func member() throws(FormatError) -> ZipMember {
    let length = ZipLength.directoryEntry
    guard bytes.byteCount - position >= length else {
      throw error(.directory, "the central directory ends inside of an entry")
    }
    let fields = bytes.extracting(position..<position + length)
    guard fields.field32(0) == ZipSignature.directoryEntry else {
      throw error(.directory, "an entry of the central directory has a wrong signature")
    }
    let nameCount = Int(fields.field16(28))
    let extraCount = Int(fields.field16(30))
    let total = length + nameCount + extraCount + Int(fields.field16(32))
    guard bytes.byteCount - position >= total else {
      throw error(.directory, "the central directory ends inside of an entry")
    }
    let nameStart = position + length
    let name = try name(bytes.extracting(nameStart..<nameStart + nameCount))
    let flags = fields.field16(8)
    // Bits 0, 6 and 13: encrypted data, strong encryption, masked headers.
    guard flags & 0x2041 == 0 else {
      throw error(.encrypted, "member '\(name.printable)' is encrypted")
    }
    let extra = bytes.extracting(nameStart + nameCount..<nameStart + nameCount + extraCount)
    let sizes = try sizes(fields, extra: extra, name: name)
    let isFolder = name.utf8.last == UInt8(ascii: "/")
    let method = ZipMethod(number: fields.field16(10))
    guard !(isFolder && sizes.byteCount > 0),
      method != .stored || sizes.byteCount == sizes.storedByteCount
    else {
      throw error(
        .memberSize,
        "member '\(name.printable)' has \(sizes.byteCount) bytes, stored as "
          + "\(sizes.storedByteCount)")
    }
    position += total
    return ZipMember(
      name: name, method: method, crc32: fields.field32(16),
      storedByteCount: sizes.storedByteCount, byteCount: sizes.byteCount,
      headerOffset: sizes.headerOffset, isFolder: isFolder, hasDescriptor: flags & 8 != 0)
  }

  private func name(_ bytes: RawSpan) throws(FormatError) -> String {
    let bytes = bytes.array()
    guard let name = String(validating: bytes, as: UTF8.self) else {
      throw error(
        .name, "the name '\(String(decoding: bytes, as: UTF8.self).printable)' is not UTF-8")
    }
    let isFolder = name.utf8.last == UInt8(ascii: "/")
    let path = isFolder ? String(decoding: bytes.dropLast(), as: UTF8.self) : name
    guard RelativePath.isSafe(path), !path.utf8.contains(UInt8(ascii: "\\")) else {
      throw error(.name, "the name '\(name.printable)' is not a relative path inside the archive")
    }
    return name
  }

  private typealias Sizes = (storedByteCount: Int, byteCount: Int, headerOffset: Int)

  /// Returns the sizes and the offset, from the ZIP64 field where they do not fit into 32 bits.
  private func sizes(
    _ fields: RawSpan, extra: RawSpan, name: String
  ) throws(FormatError) -> Sizes {
    var zip64 = Zip64Field(extra)
    let byteCount = zip64.value(fields.field32(24))
    let storedByteCount = zip64.value(fields.field32(20))
    let headerOffset = zip64.value(fields.field32(42))
    let disk = fields.field16(34)
    guard disk == 0 || (disk == .max && zip64.next32() == 0) else {
      throw error(.severalDisks, "member '\(name.printable)' is in another volume")
    }
    guard let byteCount, let storedByteCount, let headerOffset, storedByteCount <= start,
      headerOffset <= start
    else {
      throw error(
        .directory, "the sizes of member '\(name.printable)' are impossible in this file")
    }
    return (storedByteCount, byteCount, headerOffset)
  }

  /// Returns the members with their ends, after checking that they neither overlap nor leave bytes before the first.
  ///
  /// The bytes between them are checked when a member is opened, as that needs its local header.
  private func placed(_ members: [ZipMember]) throws(FormatError) -> [ZipMember] {
    let order = members.indices.sorted { members[$0].headerOffset < members[$1].headerOffset }
    var result = members
    for (place, index) in order.enumerated() {
      let member = members[index]
      let end = place + 1 < order.count ? members[order[place + 1]].headerOffset : start
      let least = ZipLength.localHeader + member.name.utf8.count
      guard end - member.headerOffset >= least,
        end - member.headerOffset - least >= member.storedByteCount
      else {
        throw FormatError(
          .overlap,
          "member '\(member.name.printable)' reaches into what follows it", path: path,
          byteOffset: member.headerOffset)
      }
      result[index].endOffset = end
    }
    let first = order.first.map { members[$0].headerOffset } ?? start
    guard first == 0 else {
      throw FormatError(
        .gap, "has \(first) bytes before the first member", path: path, byteOffset: 0)
    }
    return result
  }
}

/// The values of a ZIP64 extra field (APPNOTE.TXT 6.3.10, section 4.5.3): those that do not fit into their own fields, in
/// a fixed order.
struct Zip64Field: ~Escapable {
  private static let identifier: UInt16 = 1
  private let bytes: RawSpan
  private var position = 0

  /// - Parameter extra: All extra fields of a header.
  @_lifetime(copy extra)
  init(_ extra: RawSpan) {
    var found = extra.extracting(0..<0)
    var position = 0
    while extra.byteCount - position >= 4 {
      let count = Int(extra.field16(position + 2))
      guard extra.byteCount - position - 4 >= count else { break }
      if extra.field16(position) == Self.identifier, found.byteCount == 0 {
        found = extra.extracting(position + 4..<position + 4 + count)
      }
      position += 4 + count
    }
    bytes = found
  }

  /// Returns a value that its own field states, or the next one of this field; nil if it is missing or too large.
  mutating func value(_ field: UInt32) -> Int? {
    guard field == .max else { return Int(field) }
    defer { position += 8 }
    return bytes.littleEndian(UInt64.self, at: position).flatMap { Int(exactly: $0) }
  }

  mutating func next32() -> UInt32? {
    defer { position += 4 }
    return bytes.littleEndian(UInt32.self, at: position)
  }
}
