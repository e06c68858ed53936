import Codecs
package import TensorCore
package import Zstd

/// Turns stored chunks into values, and refuses those that are not what their record says.
package struct ChunkDecoder: Sendable {
  private let zstd: Zstd

  package init(zstd: Zstd) { self.zstd = zstd }

  /// What an error about a chunk names.
  package struct Place: Sendable {
    package var path: String
    package var tensor: String?

    package init(path: String, tensor: String?) {
      self.path = path
      self.tensor = tensor
    }

    func error(_ fault: PackedFault, _ reason: String, at byteOffset: Int) -> FormatError {
      FormatError(fault, reason, path: path, tensor: tensor, byteOffset: byteOffset)
    }
  }

  /// Decodes a chunk whose stored bytes are the first of `buffer`; the bytes behind them, as many
  /// as the chunk decodes to, are room for its streams.
  @_lifetime(buffer: copy buffer)
  @_lifetime(values: copy values)
  package func decode(
    _ record: ChunkRecord, in buffer: inout MutableRawSpan, dtype: DType,
    into values: inout MutableRawSpan, place: Place
  ) throws {
    let storedCount = record.storedByteCount
    guard record.checksum == Kernels.xxh64(buffer.bytes.extracting(0..<storedCount)) else {
      throw place.error(
        .chunkChecksum, "a chunk of \(storedCount) bytes does not match its checksum",
        at: record.byteOffset)
    }
    guard let codec = CodecRegistry.valueCodec(id: record.codec) else {
      throw place.error(
        .unknownCodec, "is coded by codec \(record.codec), which this version does not have",
        at: record.byteOffset)
    }
    let lengths = codec.streamByteCounts(dtype: dtype, elementCount: record.valueCount)
    guard record.flags.contains(.framed) else {
      guard lengths == [storedCount] else {
        throw place.error(
          .streamTable, "a chunk without a stream table cannot hold the streams of \(codec.name)",
          at: record.byteOffset)
      }
      codec.decode(
        buffer.bytes, streams: [0..<storedCount], dtype: dtype, elementCount: record.valueCount,
        into: &values)
      return
    }
    let streams = try streams(of: record, lengths: lengths, in: &buffer, place: place)
    codec.decode(
      buffer.bytes, streams: streams, dtype: dtype, elementCount: record.valueCount, into: &values)
  }

  /// Checks the stream table, decompresses what is compressed, and says where each stream lies.
  @_lifetime(buffer: copy buffer)
  private func streams(
    of record: ChunkRecord, lengths: [Int], in buffer: inout MutableRawSpan, place: Place
  ) throws -> [Range<Int>] {
    let storedCount = record.storedByteCount
    var start = StreamTable.byteCount(streamCount: lengths.count)
    var free = storedCount
    var ranges: [Range<Int>] = []
    guard start <= storedCount else {
      throw place.error(
        .streamTable, "a chunk is too short for the table of its \(lengths.count) streams",
        at: record.byteOffset)
    }
    for (index, length) in lengths.enumerated() {
      guard let entry = StreamTable.entry(buffer.bytes, index: index), entry.byteCount == length,
        entry.storedByteCount <= storedCount - start,
        entry.isCompressed ? entry.storedByteCount < length : entry.storedByteCount == length
      else {
        throw place.error(
          .streamTable, "stream \(index) of a chunk should decode to \(length) bytes",
          at: record.byteOffset + 8 * index)
      }
      let stored = start..<start + entry.storedByteCount
      start = stored.upperBound
      guard entry.isCompressed else {
        ranges.append(stored)
        continue
      }
      do {
        try buffer.split(at: free) { before, behind in
          var target = behind._mutatingExtracting(0..<length)
          try zstd.decompress(before.bytes.extracting(stored), into: &target)
        }
      } catch let failure as ZstdFailure {
        throw place.error(
          .streamCompression, "stream \(index) of a chunk: \(failure)",
          at: record.byteOffset + stored.lowerBound)
      }
      ranges.append(free..<free + length)
      free += length
    }
    guard start == storedCount else {
      throw place.error(
        .streamTable, "a chunk has \(storedCount - start) bytes behind its last stream",
        at: record.byteOffset + start)
    }
    return ranges
  }
}
