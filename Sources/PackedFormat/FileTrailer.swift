package import Base
import TensorCore

/// The last 64 bytes of a `.sumac` file: the location of the index, and the hash of the whole file except
/// the chunks, whose hashes are in the chunk table. Specification, section 8.
package struct FileTrailer: Equatable, Sendable {
  package static let byteCount = 64
  package static let magic: [UInt8] = [0x53, 0x55, 0x4D, 0x41, 0x43, 0x45, 0x4E, 0x44]
  /// The maximum length of the index in bytes, stored and decoded.
  package static let maximumIndexByteCount = 1 << 30
  /// A compressed index decodes to at most this length, or to `maximumIndexGrowth` times its stored length
  /// if that is more, so that a small file cannot demand much memory.
  package static let freeIndexByteCount = 1 << 24
  package static let maximumIndexGrowth = 64

  /// SHA-256 of the header and of everything from the index to the end of the file, except this hash.
  package var hash: [UInt8]
  package var indexOffset: Int
  package var fileByteCount: Int
  package var storedIndexByteCount: Int
  /// The length of the decoded index; equal to `storedIndexByteCount` if the index is stored uncompressed.
  package var indexByteCount: Int

  package init(
    hash: [UInt8], indexOffset: Int, fileByteCount: Int, storedIndexByteCount: Int,
    indexByteCount: Int
  ) {
    self.hash = hash
    self.indexOffset = indexOffset
    self.fileByteCount = fileByteCount
    self.storedIndexByteCount = storedIndexByteCount
    self.indexByteCount = indexByteCount
  }

  /// The byte offset of the chunk table: the first multiple of 32 after the index.
  package var tableOffset: Int { (indexOffset + storedIndexByteCount).rounded(upTo: 32) }
  package var trailerOffset: Int { fileByteCount - Self.byteCount }
  /// The number of pieces of 32 bytes from the start of the chunk table to the trailer.
  package var slotCount: Int { (trailerOffset - tableOffset) / ChunkRecord.byteCount }

  /// The number of records in the chunk table; nil if a sealed file does not have two slots for each record.
  package func chunkCount(isSealed: Bool) -> Int? {
    guard isSealed else { return slotCount }
    return slotCount % 2 == 0 ? slotCount / 2 : nil
  }

  /// The 32 bytes after the hash.
  package var fields: [UInt8] {
    var buffer = ByteBuffer(byteCount: 32)
    var span = buffer.mutableBytes
    span.storeLittleEndian(UInt64(indexOffset), at: 0)
    span.storeLittleEndian(UInt64(fileByteCount), at: 8)
    span.storeLittleEndian(UInt32(storedIndexByteCount), at: 16)
    span.storeLittleEndian(UInt32(indexByteCount), at: 20)
    span.copy(Self.magic.rawSpan, at: 24)
    return buffer.bytes.array()
  }

  /// Reads the trailer of a file and checks everything except the hash.
  package init(of file: InputFile) throws {
    let tail = try file.bytes(
      at: max(0, file.byteCount - Self.byteCount), count: min(Self.byteCount, file.byteCount))
    guard tail.count == Self.byteCount else {
      throw FormatError(
        .truncated, "the file has \(file.byteCount) bytes, too few for a trailer",
        path: file.path, byteOffset: file.byteCount)
    }
    try self.init(tail.rawSpan, fileByteCount: file.byteCount, path: file.path)
  }

  /// Reads the last 64 bytes of a file of `fileByteCount` bytes and checks everything except the hash.
  package init(_ bytes: borrowing RawSpan, fileByteCount: Int, path: String) throws(FormatError) {
    let start = fileByteCount - Self.byteCount
    guard bytes.extracting(56..<64).elementsEqual(Self.magic.rawSpan) else {
      throw FormatError(
        .trailerMagic, "the file does not end in a trailer; it is cut short or has bytes added",
        path: path, byteOffset: start + 56, hint: "fetch or write the file again")
    }
    guard let offset = bytes.littleEndian(UInt64.self, at: 32),
      let length = bytes.littleEndian(UInt64.self, at: 40),
      let stored = bytes.littleEndian(UInt32.self, at: 48),
      let decoded = bytes.littleEndian(UInt32.self, at: 52)
    else { throw FormatError(.truncated, "the trailer is cut short", path: path) }
    guard length == UInt64(fileByteCount) else {
      throw FormatError(
        .fileLength, "the file has \(fileByteCount) bytes, but its trailer records \(length)",
        path: path, byteOffset: start + 40)
    }
    guard stored > 0, decoded > 0, Int(stored) <= Self.maximumIndexByteCount,
      Int(decoded) <= Self.maximumIndexByteCount, stored <= decoded,
      Int(decoded) <= max(Self.freeIndexByteCount, Self.maximumIndexGrowth * Int(stored))
    else {
      throw FormatError(
        .indexLength,
        "the trailer records invalid index lengths: \(stored) stored bytes that decode to \(decoded)",
        path: path, byteOffset: start + 48)
    }
    guard offset >= UInt64(FileHeader.byteCount), offset % 64 == 0,
      offset <= UInt64(start), Int(stored) <= start - Int(offset)
    else {
      throw FormatError(
        .indexPlace,
        "the trailer records the index at byte \(offset), outside the file or not a multiple of 64",
        path: path, byteOffset: start + 32)
    }
    self.init(
      hash: bytes.extracting(0..<32).array(), indexOffset: Int(offset),
      fileByteCount: fileByteCount, storedIndexByteCount: Int(stored),
      indexByteCount: Int(decoded))
    guard tableOffset <= trailerOffset,
      (trailerOffset - tableOffset) % ChunkRecord.byteCount == 0
    else {
      throw FormatError(
        .chunkTableLength, "the length of the chunk table is not a whole number of records",
        path: path,
        byteOffset: tableOffset)
    }
  }
}

extension Int {
  /// Returns the smallest multiple of `step` that is not below this number.
  package func rounded(upTo step: Int) -> Int { (self + step - 1) / step * step }
}
