import Codecs
import TensorCore

/// What the chunk table must be for an index; checked before any chunk is read.
struct PackedLayout {
  let segments: [PackedSegment]
  let trailer: FileTrailer
  let path: String

  /// Throws the first departure of the table from section 7 of the specification.
  func check(_ file: borrowing RawSpan) throws(FormatError) {
    try checkCount()
    var place = trailer.tableOffset
    var end = FileHeader.byteCount
    for segment in segments {
      let grid = segment.info.grid
      let termCodec = CodecRegistry.valueCodec(named: segment.term.codec)
      let isKnown = segment.term.kind == PackedIndex.Term.dense && termCodec != nil
      for chunk in 0..<segment.term.chunkCount {
        guard let record = ChunkRecord(file, at: place) else {
          throw error(.chunkTableLength, "the chunk table is cut short", segment, place)
        }
        let expected = chunk == 0 ? end.rounded(upTo: segment.alignment) : end
        guard record.byteOffset == expected, record.end <= trailer.indexOffset else {
          throw error(
            .chunkPlace,
            "chunk \(chunk) is said to lie at byte \(record.byteOffset) with "
              + "\(record.storedByteCount) bytes, expected byte \(expected) and an end before the "
              + "index at \(trailer.indexOffset)", segment, place)
        }
        guard record.storedByteCount > 0,
          record.decodedByteCount <= ChunkRecord.maximumDecodedByteCount
        else { throw lengthError(record, chunk, segment, place + 8) }
        if isKnown, let termCodec {
          try check(record, chunk, segment, termCodec, valueCount: grid[chunk].count, place)
        }
        end = record.end
        place += ChunkRecord.byteCount
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
      let (next, overflow) = sum.addingReportingOverflow(segment.term.chunkCount)
      sum = overflow ? .max : next
    }
    guard sum == trailer.chunkCount else {
      throw FormatError(
        .chunkTableLength,
        "the chunk table has \(trailer.chunkCount) records, the index needs \(sum)",
        path: path, byteOffset: trailer.tableOffset)
    }
  }

  private func check(
    _ record: ChunkRecord, _ chunk: Int, _ segment: PackedSegment, _ termCodec: any ValueCodec,
    valueCount: Int, _ place: Int
  ) throws(FormatError) {
    let raw = RawCodec()
    guard record.codec == termCodec.id || (termCodec.isLossless && record.codec == raw.id) else {
      throw error(
        .chunkCodec, "chunk \(chunk) has codec \(record.codec), its term has \(termCodec.name)",
        segment, place + 28)
    }
    guard ChunkRecord.Flags.all.isSuperset(of: record.flags) else {
      throw error(
        .chunkFlags, "chunk \(chunk) has unknown flags \(record.flags.rawValue)", segment,
        place + 30)
    }
    guard record.valueCount == valueCount else {
      throw error(
        .chunkValues,
        "chunk \(chunk) is said to have \(record.valueCount) values, expected "
          + "\(valueCount)", segment, place + 24)
    }
    let codec: any ValueCodec = record.codec == raw.id ? raw : termCodec
    let lengths = codec.streamByteCounts(dtype: segment.info.dtype, elementCount: valueCount)
    let decoded = lengths.reduce(0, +)
    let most = decoded + StreamTable.byteCount(streamCount: lengths.count)
    guard record.decodedByteCount == decoded,
      record.flags.contains(.framed)
        ? record.storedByteCount <= most : record.storedByteCount == decoded
    else { throw lengthError(record, chunk, segment, place + 8) }
  }

  private func lengthError(
    _ record: ChunkRecord, _ chunk: Int, _ segment: PackedSegment, _ place: Int
  ) -> FormatError {
    error(
      .chunkLength,
      "chunk \(chunk) is said to have \(record.storedByteCount) bytes that decode to "
        + "\(record.decodedByteCount)", segment, place)
  }

  private func error(
    _ fault: PackedFault, _ reason: String, _ segment: PackedSegment, _ place: Int
  ) -> FormatError {
    FormatError(fault, reason, path: path, tensor: segment.info.name, byteOffset: place)
  }
}
