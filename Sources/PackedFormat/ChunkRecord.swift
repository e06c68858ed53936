import Base
package import Codecs
import TensorCore

/// The location and codecs of a chunk: a record of 32 bytes in the chunk table. Specification, section 7.
package struct ChunkRecord: Equatable, Sendable {
  package static let byteCount = 32
  /// The maximum total length of a chunk's streams before compression.
  package static let maximumDecodedByteCount = 64 << 20

  /// The flags of a chunk.
  package struct Flags: OptionSet, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    /// The chunk starts with a table of its streams. Without this flag it is one uncompressed stream.
    package static let framed = Flags(rawValue: 1)
    package static let all: Flags = [.framed]
  }

  package var byteOffset: Int
  package var storedByteCount: Int
  /// The sum of the lengths of its streams before compression.
  package var decodedByteCount: Int
  /// XXH64 of the stored bytes, seed 0.
  package var checksum: UInt64
  /// The number of values: the elements of the grid's chunk, or the kept values of a sparse term.
  package var valueCount: Int
  package var codecs: ChunkCodecs
  package var flags: Flags

  package init(
    byteOffset: Int, storedByteCount: Int, decodedByteCount: Int, checksum: UInt64,
    valueCount: Int, codecs: ChunkCodecs, flags: Flags
  ) {
    self.byteOffset = byteOffset
    self.storedByteCount = storedByteCount
    self.decodedByteCount = decodedByteCount
    self.checksum = checksum
    self.valueCount = valueCount
    self.codecs = codecs
    self.flags = flags
  }

  package var end: Int { byteOffset + storedByteCount }

  /// Writes the record at `recordOffset`.
  @_lifetime(target: copy target)
  package func write(into target: inout MutableRawSpan, at recordOffset: Int) {
    target.storeLittleEndian(UInt64(byteOffset), at: recordOffset)
    target.storeLittleEndian(UInt32(storedByteCount), at: recordOffset + 8)
    target.storeLittleEndian(UInt32(decodedByteCount), at: recordOffset + 12)
    target.storeLittleEndian(checksum, at: recordOffset + 16)
    target.storeLittleEndian(UInt32(valueCount), at: recordOffset + 24)
    target.storeLittleEndian(codecs.rawValue, at: recordOffset + 28)
    target.storeLittleEndian(flags.rawValue, at: recordOffset + 30)
  }

  /// Reads the record at `recordOffset`; nil if it is not inside `table`. The fields are not checked.
  package init?(_ table: borrowing RawSpan, at recordOffset: Int) {
    guard let offset = table.littleEndian(UInt64.self, at: recordOffset),
      let stored = table.littleEndian(UInt32.self, at: recordOffset + 8),
      let decoded = table.littleEndian(UInt32.self, at: recordOffset + 12),
      let checksum = table.littleEndian(UInt64.self, at: recordOffset + 16),
      let values = table.littleEndian(UInt32.self, at: recordOffset + 24),
      let codec = table.littleEndian(UInt16.self, at: recordOffset + 28),
      let flags = table.littleEndian(UInt16.self, at: recordOffset + 30)
    else { return nil }
    self.init(
      byteOffset: Int(clamping: offset), storedByteCount: Int(stored),
      decodedByteCount: Int(decoded), checksum: checksum, valueCount: Int(values),
      codecs: ChunkCodecs(rawValue: codec),
      flags: Flags(rawValue: flags))
  }
}
