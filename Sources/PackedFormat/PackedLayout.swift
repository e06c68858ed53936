import Base
import Codecs
import TensorCore

/// The expected structure of the chunk table, which is checked before any chunk is read.
struct PackedLayout {
  let segments: [PackedSegment]
  let trailer: FileTrailer
  /// The number of records in the chunk table.
  let chunkCount: Int
  let path: String

  /// Checks the chunk table against section 7 of the specification; throws the first violation.
  func check(_ file: borrowing RawSpan) throws(FormatError) {
    try checkCount()
    var recordOffset = trailer.tableOffset
    var end = FileHeader.byteCount
    for segment in segments {
      for chunk in 0..<segment.chunkCount {
        guard let record = ChunkRecord(file, at: recordOffset) else {
          throw error(.chunkTableLength, "the chunk table is cut short", segment, recordOffset)
        }
        let expected = chunk == 0 ? end.rounded(upTo: segment.alignment) : end
        guard record.byteOffset == expected, record.end <= trailer.indexOffset else {
          throw error(
            .chunkPlace,
            "chunk \(chunk) is recorded at byte \(record.byteOffset) with "
              + "\(record.storedByteCount) bytes; expected byte \(expected) and an end before the "
              + "index at byte \(trailer.indexOffset)", segment, recordOffset)
        }
        guard record.storedByteCount > 0,
          record.decodedByteCount <= ChunkRecord.maximumDecodedByteCount
        else { throw lengthError(record, chunk, segment, recordOffset + 8) }
        if case .unknown = segment.content {
        } else {
          try check(record, chunk, segment, recordOffset)
        }
        end = record.end
        recordOffset += ChunkRecord.byteCount
      }
    }
    guard end.rounded(upTo: 64) == trailer.indexOffset else {
      throw FormatError(
        .chunkPlace,
        "the last chunk ends at byte \(end), but the index starts at "
          + "\(trailer.indexOffset)", path: path, byteOffset: end)
    }
  }

  private func checkCount() throws(FormatError) {
    var sum = 0
    for segment in segments {
      let (next, overflow) = sum.addingReportingOverflow(segment.chunkCount)
      sum = overflow ? .max : next
    }
    guard sum == chunkCount else {
      throw FormatError(
        .chunkTableLength,
        "the chunk table has \(chunkCount) records, the index needs \(sum)",
        path: path, byteOffset: trailer.tableOffset)
    }
  }

  private func check(
    _ record: ChunkRecord, _ chunk: Int, _ segment: PackedSegment, _ recordOffset: Int
  ) throws(FormatError) {
    guard ChunkRecord.Flags.all.isSuperset(of: record.flags) else {
      throw error(
        .chunkFlags, "chunk \(chunk) has unknown flags \(record.flags.rawValue)", segment,
        recordOffset + 30)
    }
    try checkValueCount(record, chunk, segment, recordOffset)
    guard let lengths = segment.streamByteCounts(of: record, chunk: chunk) else {
      throw error(
        .chunkCodec,
        "chunk \(chunk) has codecs \(record.codecs.rawValue), which are not those of its term",
        segment, recordOffset + 28)
    }
    let minimum = lengths.reduce(0) { $0 + $1.lowerBound }
    let maximum = lengths.reduce(0) { $0 + $1.upperBound }
    let stored = record.decodedByteCount + StreamTable.byteCount(streamCount: lengths.count)
    guard (minimum...maximum).contains(record.decodedByteCount),
      record.flags.contains(.framed)
        ? record.storedByteCount <= stored : record.storedByteCount == record.decodedByteCount
    else { throw lengthError(record, chunk, segment, recordOffset + 8) }
  }

  private func checkValueCount(
    _ record: ChunkRecord, _ chunk: Int, _ segment: PackedSegment, _ recordOffset: Int
  ) throws(FormatError) {
    let count = segment.info.grid[chunk].count
    let isSparse = if case .sparse = segment.content { true } else { false }
    guard isSparse ? record.valueCount <= count : record.valueCount == count else {
      throw error(
        .chunkValues,
        "chunk \(chunk) is recorded with \(record.valueCount) values, expected "
          + (isSparse ? "at most " : "") + "\(count)", segment, recordOffset + 24)
    }
  }

  private func lengthError(
    _ record: ChunkRecord, _ chunk: Int, _ segment: PackedSegment, _ byteOffset: Int
  ) -> FormatError {
    error(
      .chunkLength,
      "chunk \(chunk) is recorded with invalid lengths: \(record.storedByteCount) stored bytes "
        + "that decode to \(record.decodedByteCount)", segment, byteOffset)
  }

  private func error(
    _ fault: PackedFault, _ reason: String, _ segment: PackedSegment, _ byteOffset: Int
  ) -> FormatError {
    FormatError(fault, reason, path: path, tensor: segment.info.name, byteOffset: byteOffset)
  }
}
