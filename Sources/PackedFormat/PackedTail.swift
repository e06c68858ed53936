import Base
import Crypto
import Zstd

/// The index, chunk table and trailer, which follow the last segment. Specification, sections 5 to 8.
package struct PackedTail: Sendable {
  /// An index shorter than this is stored uncompressed.
  private static let leastCompressedByteCount = 4096

  package let indexOffset: Int
  package let bytes: [UInt8]
  package let trailer: FileTrailer

  /// - Parameter seals: The seal of each record; empty if the file is not sealed.
  package init(
    index: PackedIndex, records: [ChunkRecord], seals: [[UInt8]] = [], indexOffset: Int
  ) throws {
    precondition(seals.count == (index.isSealed ? records.count : 0))
    let plain = index.encoded()
    let stored = try Self.compressed(plain) ?? plain
    let tableOffset = (indexOffset + stored.count).rounded(upTo: 32) - indexOffset
    let sealOffset = tableOffset + records.count * ChunkRecord.byteCount
    let hashedCount = sealOffset + seals.count * ChunkRecord.byteCount
    var trailer = FileTrailer(
      hash: [], indexOffset: indexOffset,
      fileByteCount: indexOffset + hashedCount + FileTrailer.byteCount,
      storedIndexByteCount: stored.count, indexByteCount: plain.count)
    var buffer = ByteBuffer(byteCount: hashedCount + FileTrailer.byteCount)
    var span = buffer.mutableBytes
    span.fill()
    span.copy(stored.rawSpan)
    for (number, record) in records.enumerated() {
      record.write(into: &span, at: tableOffset + number * ChunkRecord.byteCount)
    }
    for (number, seal) in seals.enumerated() {
      span.copy(seal.rawSpan, at: sealOffset + number * ChunkRecord.byteCount)
    }
    trailer.hash = Self.hash(
      header: FileHeader().bytes.rawSpan, body: span.bytes.extracting(0..<hashedCount),
      fields: trailer.fields)
    span.copy(trailer.hash.rawSpan, at: hashedCount)
    span.copy(trailer.fields.rawSpan, at: hashedCount + 32)
    self.indexOffset = indexOffset
    self.trailer = trailer
    bytes = span.bytes.array()
  }

  private static func compressed(_ index: [UInt8]) throws -> [UInt8]? {
    guard index.count >= leastCompressedByteCount else { return nil }
    var buffer = ByteBuffer(byteCount: index.count - 1)
    var span = buffer.mutableBytes
    guard let count = try Zstd().compress(index.rawSpan, into: &span, .matches) else {
      return nil
    }
    // A reader refuses an index that shrinks further than this, so it is stored uncompressed.
    guard
      index.count <= max(FileTrailer.freeIndexByteCount, FileTrailer.maximumIndexGrowth * count)
    else { return nil }
    return span.bytes.extracting(0..<count).array()
  }

  /// Returns the SHA-256 of a chunk's stored bytes.
  package static func seal(of bytes: borrowing RawSpan) -> [UInt8] {
    var hash = SHA256()
    hash.update(bytes)
    return Array(hash.finalize())
  }

  /// Returns the hash of section 8 over the header, the bytes from the index to the trailer, and the
  /// trailer's fields.
  package static func hash(
    header: borrowing RawSpan, body: borrowing RawSpan, fields: [UInt8]
  ) -> [UInt8] {
    var hash = SHA256()
    hash.update(header)
    hash.update(body)
    hash.update(fields.rawSpan)
    return Array(hash.finalize())
  }
}

extension FileHeader {
  package var bytes: [UInt8] {
    var buffer = ByteBuffer(byteCount: Self.byteCount)
    var span = buffer.mutableBytes
    write(into: &span)
    return buffer.bytes.array()
  }
}
