import Base
import Codecs
import TensorCore
package import Zstd

/// The file and tensor that an error about a chunk names.
package struct ChunkLocation: Sendable {
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

/// Checks stored chunks and decompresses their streams. Specification, section 6.
package struct ChunkDecoder: Sendable {
  private let zstd: Zstd

  package init(zstd: Zstd) { self.zstd = zstd }

  /// Returns the range of each stream of a chunk in `buffer`, after decompression.
  ///
  /// `buffer` starts with the stored bytes. After them it has room for as many bytes as the chunk decodes
  /// to, which receives the decompressed streams.
  /// - Parameter lengths: The allowed length of each stream.
  @_lifetime(buffer: copy buffer)
  package func streams(
    of record: ChunkRecord, lengths: [ClosedRange<Int>], in buffer: inout MutableRawSpan,
    location: ChunkLocation
  ) throws -> [Range<Int>] {
    let storedCount = record.storedByteCount
    guard record.checksum == Kernels.xxh64(buffer.bytes.extracting(0..<storedCount)) else {
      throw location.error(
        .chunkChecksum, "a chunk of \(storedCount) bytes does not match its checksum",
        at: record.byteOffset)
    }
    guard record.flags.contains(.framed) else {
      guard lengths.count == 1, lengths[0].contains(storedCount) else {
        throw location.error(
          .streamTable,
          "a chunk without a stream table cannot hold the \(lengths.count) streams of its codec",
          at: record.byteOffset)
      }
      return [0..<storedCount]
    }
    return try framedStreams(of: record, lengths: lengths, in: &buffer, location: location)
  }

  /// Checks the stream table and decompresses the compressed streams.
  @_lifetime(buffer: copy buffer)
  private func framedStreams(
    of record: ChunkRecord, lengths: [ClosedRange<Int>], in buffer: inout MutableRawSpan,
    location: ChunkLocation
  ) throws -> [Range<Int>] {
    let storedCount = record.storedByteCount
    var start = StreamTable.byteCount(streamCount: lengths.count)
    var free = storedCount
    var total = 0
    var ranges: [Range<Int>] = []
    guard start <= storedCount else {
      throw location.error(
        .streamTable, "a chunk is too short for the table of its \(lengths.count) streams",
        at: record.byteOffset)
    }
    for (index, allowed) in lengths.enumerated() {
      guard let entry = StreamTable.entry(buffer.bytes, index: index),
        allowed.contains(entry.byteCount), entry.storedByteCount <= storedCount - start,
        entry.isCompressed
          ? entry.storedByteCount < entry.byteCount : entry.storedByteCount == entry.byteCount,
        entry.byteCount <= record.decodedByteCount - total
      else {
        let wanted =
          allowed.count == 1
          ? "\(allowed.lowerBound)" : "\(allowed.lowerBound) to \(allowed.upperBound)"
        throw location.error(
          .streamTable, "stream \(index) of a chunk should decode to \(wanted) bytes",
          at: record.byteOffset + 8 * index)
      }
      total += entry.byteCount
      let stored = start..<start + entry.storedByteCount
      start = stored.upperBound
      guard entry.isCompressed else {
        ranges.append(stored)
        continue
      }
      do {
        try buffer.split(at: free) { before, after in
          var target = after._mutatingExtracting(0..<entry.byteCount)
          try zstd.decompress(before.bytes.extracting(stored), into: &target)
        }
      } catch let failure as ZstdFailure {
        throw location.error(
          .streamCompression, "stream \(index) of a chunk: \(failure)",
          at: record.byteOffset + stored.lowerBound)
      }
      ranges.append(free..<free + entry.byteCount)
      free += entry.byteCount
    }
    guard start == storedCount, total == record.decodedByteCount else {
      throw location.error(
        .streamTable,
        start == storedCount
          ? "the streams of a chunk decode to \(total) bytes, but its record declares "
            + "\(record.decodedByteCount)"
          : "a chunk has \(storedCount - start) bytes after its last stream",
        at: record.byteOffset + start)
    }
    return ranges
  }
}
