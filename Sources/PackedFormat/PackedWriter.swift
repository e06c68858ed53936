package import Base
import Crypto
import Synchronization
import TensorCore

/// A destination for the bytes of a `.sumac` file.
package protocol PackedSink: Sendable {
  /// True if bytes may only be written in ascending order and without gaps.
  var isSequential: Bool { get }
  func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws
  /// Appends bytes of another file at `byteOffset`, the current end of this one.
  func copy(_ bytes: Range<Int>, of file: InputFile, to byteOffset: Int) throws
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

  /// Copies segments of another file without decoding them, inside the kernel where possible.
  /// - Parameter segments: Consecutive segments of `reader`.
  package func copy(_ segments: Range<Int>, of reader: PackedReader) throws {
    var stretch = Stretch()
    for segment in segments {
      let owner = reader.segments[segment]
      for chunk in 0..<owner.chunkCount {
        let record = reader.record(segment: segment, chunk: chunk)
        let source = record.byteOffset..<record.end
        let seal = try seal(of: reader, segment, chunk, source)
        let padding = append(record, seal: seal, alignment: chunk == 0 ? owner.alignment : nil)
        if stretch.continues(with: source, at: padding.upperBound) {
          stretch.source = stretch.source.lowerBound..<source.upperBound
        } else {
          try copy(stretch, of: reader)
          stretch = Stretch(source: source, target: padding.upperBound, padding: padding)
        }
      }
    }
    try copy(stretch, of: reader)
  }

  /// A range of bytes that has the same layout in source and target, so that one copy suffices.
  private struct Stretch {
    var source = 0..<0
    var target = 0
    /// The padding before the range in the target.
    var padding = 0..<0

    func continues(with next: Range<Int>, at byteOffset: Int) -> Bool {
      !source.isEmpty && byteOffset - target == next.lowerBound - source.lowerBound
    }
  }

  private func copy(_ stretch: Stretch, of reader: PackedReader) throws {
    guard !stretch.source.isEmpty else { return }
    if sink.isSequential { try writeZeros(stretch.padding) }
    try sink.copy(stretch.source, of: reader.file, to: stretch.target)
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

  private func seal(
    of reader: PackedReader, _ segment: Int, _ chunk: Int, _ source: Range<Int>
  ) throws -> [UInt8]? {
    guard isSealed else { return nil }
    if let seal = reader.seal(segment: segment, chunk: chunk) { return seal }
    let bytes = try reader.file.bytes(at: source.lowerBound, count: source.count)
    return PackedTail.seal(of: bytes.rawSpan)
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
