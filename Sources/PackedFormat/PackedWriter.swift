import Base
import Synchronization
import TensorCore

/// A destination for the bytes of a `.sumac` file.
package protocol PackedSink: Sendable {
  /// True if bytes may only be written in ascending order and without gaps.
  var isSequential: Bool { get }
  /// True if the bytes are only counted, so that copies need not be read.
  var countsOnly: Bool { get }
  func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws
}

extension PackedSink {
  package var countsOnly: Bool { false }
}

/// Writes the parts of a `.sumac` file in order.
///
/// Chunks are stored one after the other; several threads may write them at once.
package final class PackedWriter: Sendable {
  private struct State {
    var end = FileHeader.byteCount
    var records: [ChunkRecord] = []
    var seals: [[UInt8]] = []
  }

  private let sink: any PackedSink
  private let isSealed: Bool
  private let state = Mutex(State())

  package init(_ sink: any PackedSink, isSealed: Bool = false) throws {
    self.sink = sink
    self.isSealed = isSealed
    var header = ByteBuffer(byteCount: FileHeader.byteCount)
    var span = header.mutableBytes
    FileHeader().write(into: &span)
    try sink.write(header.bytes, at: 0)
  }

  /// True if chunks are placed and written in ascending order.
  package var isSequential: Bool { sink.isSequential }

  /// A chunk that does not have a byte offset yet.
  package struct Chunk: Sendable {
    var checksum: UInt64
    var seal: [UInt8]?
    var encoded: ChunkEncoder.Encoded
    /// The alignment of the segment if this is its first chunk; nil otherwise.
    var alignment: Int?
  }

  /// Computes the checksum and, in a sealed file, the seal of a chunk. May be called from any thread.
  package func chunk(
    _ bytes: borrowing RawSpan, _ encoded: ChunkEncoder.Encoded, alignment: Int?
  ) -> Chunk {
    Chunk(
      checksum: Kernels.xxh64(bytes), seal: isSealed ? PackedTail.seal(of: bytes) : nil,
      encoded: encoded, alignment: alignment)
  }

  /// Assigns the byte offset of the next chunk.
  ///
  /// Chunks must be placed in the order of the chunk table. If the output is a pipe, this function also
  /// writes the bytes; otherwise the caller writes them with `write(_:at:)`.
  /// - Returns: The byte offset at which to write the chunk; nil if its bytes are already written.
  package func place(_ chunk: Chunk, _ bytes: borrowing RawSpan) throws -> Int? {
    let record = ChunkRecord(
      byteOffset: 0, storedByteCount: bytes.byteCount,
      decodedByteCount: chunk.encoded.decodedByteCount, checksum: chunk.checksum,
      valueCount: chunk.encoded.valueCount, codecs: chunk.encoded.codecs,
      flags: chunk.encoded.flags)
    let padding = append(record, seal: chunk.seal, alignment: chunk.alignment)
    guard sink.isSequential else { return padding.upperBound }
    try writeZeros(padding)
    try sink.write(bytes, at: padding.upperBound)
    return nil
  }

  package func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws {
    try sink.write(bytes, at: byteOffset)
  }

  private func writeZeros(_ range: Range<Int>) throws {
    guard !range.isEmpty else { return }
    let zeros = [UInt8](repeating: 0, count: range.count)
    try sink.write(zeros.rawSpan, at: range.lowerBound)
  }

  // MARK: Copies

  /// Segments of another file whose chunks have their places, but are not copied yet.
  package struct Copies: Sendable {
    fileprivate let reader: PackedReader
    /// The record of the first chunk in the other file.
    fileprivate let firstSource: Int
    /// The record of the first chunk in this file.
    fileprivate let firstTarget: Int
    package let chunkCount: Int
    /// The memory that `copy` needs.
    package let bufferByteCount: Int
  }

  /// Assigns byte offsets to all chunks of consecutive segments of another file.
  /// - Returns: The chunks to copy; none if the bytes are only counted.
  package func place(copiesOf segments: Range<Int>, of reader: PackedReader) -> Copies {
    let firstTarget = state.withLock { $0.records.count }
    for segment in segments {
      let owner = reader.segments[segment]
      for chunk in 0..<owner.chunkCount {
        _ = append(
          reader.record(segment: segment, chunk: chunk),
          seal: isSealed ? PackedTail.seal(of: RawSpan()) : nil,
          alignment: chunk == 0 ? owner.alignment : nil)
      }
    }
    let first = reader.firstRecords[segments.lowerBound]
    return Copies(
      reader: reader, firstSource: first, firstTarget: firstTarget,
      chunkCount: sink.countsOnly ? 0 : reader.firstRecords[segments.upperBound] - first,
      bufferByteCount: segments.map(reader.storedBufferByteCount(ofSegment:)).max() ?? 0)
  }

  /// Copies a chunk without decoding it, after comparing its bytes with their checksum and, in a sealed file, their
  /// seal. May be called from any thread; for a pipe, in the order of the chunks.
  /// - Throws: ``FormatError`` with the tensor and the byte of a damaged chunk.
  @_lifetime(buffer: copy buffer)
  package func copy(chunk number: Int, of copies: Copies, buffer: inout MutableRawSpan) throws {
    let reader = copies.reader
    let (segment, chunk) = reader.position(ofRecord: copies.firstSource + number)
    let record = try reader.readStored(segment: segment, chunk: chunk, into: &buffer)
    let bytes = buffer.bytes.extracting(0..<record.storedByteCount)
    let target = copies.firstTarget + number
    if isSealed {
      let seal = PackedTail.seal(of: bytes)
      try reader.checkSeal(seal, segment: segment, chunk: chunk)
      state.withLock { $0.seals[target] = seal }
    }
    let (end, byteOffset) = state.withLock { state in
      (
        target == 0 ? FileHeader.byteCount : state.records[target - 1].end,
        state.records[target].byteOffset
      )
    }
    if sink.isSequential { try writeZeros(end..<byteOffset) }
    try sink.write(bytes, at: byteOffset)
  }

  /// Appends a record with a new byte offset; returns the padding before its chunk.
  private func append(_ record: ChunkRecord, seal: [UInt8]?, alignment: Int?) -> Range<Int> {
    var record = record
    return state.withLock { state in
      let end = state.end
      record.byteOffset = alignment.map { end.rounded(upTo: $0) } ?? end
      state.records.append(record)
      if let seal { state.seals.append(seal) }
      state.end = record.end
      return end..<record.byteOffset
    }
  }

  /// Writes the index, the chunk table and the trailer after the last chunk.
  /// - Returns: The length of the file in bytes.
  package func finish(_ index: PackedIndex) throws -> Int {
    let (end, records, seals) = state.withLock { ($0.end, $0.records, $0.seals) }
    let tail = try PackedTail(
      index: index, records: records, seals: seals, indexOffset: end.rounded(upTo: 64))
    if sink.isSequential { try writeZeros(end..<tail.indexOffset) }
    try sink.write(tail.bytes.rawSpan, at: tail.indexOffset)
    return tail.indexOffset + tail.bytes.count
  }
}
