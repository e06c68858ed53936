import Codecs
package import TensorCore
import Zstd

/// An open `.sumac` file whose index and chunk table are checked; its chunks are checked as they
/// are read.
package final class PackedReader: Sendable {
  package let file: InputFile
  package let index: PackedIndex
  package let trailer: FileTrailer
  /// The first record of each segment, in the order of `index.segments`; one more at the end.
  package let firstRecords: [Int]
  package let segments: [PackedSegment]
  private let table: MappedFile
  private let decoder: ChunkDecoder

  package init(_ file: InputFile) throws {
    self.file = file
    let path = file.path
    decoder = ChunkDecoder(zstd: Zstd())
    let head = try file.bytes(at: 0, count: min(FileHeader.byteCount, file.byteCount))
    _ = try FileHeader(head.rawSpan, path: path)
    guard file.byteCount >= FileHeader.byteCount + FileTrailer.byteCount else {
      throw FormatError(
        .truncated, "the file has \(file.byteCount) bytes, too few for header and trailer",
        path: path, byteOffset: file.byteCount)
    }
    let tail = try file.bytes(
      at: file.byteCount - FileTrailer.byteCount, count: FileTrailer.byteCount)
    trailer = try FileTrailer(tail.rawSpan, fileByteCount: file.byteCount, path: path)
    let table = try file.map()
    let trailer = trailer
    let index = try table.withBytes { bytes in
      let index = try Self.readIndex(bytes, head: head, trailer: trailer, path: path)
      try Self.checkLayout(bytes, segments: index.segments, trailer: trailer, path: path)
      return index
    }
    self.index = index
    segments = index.segments
    firstRecords = segments.reduce(into: [0]) { $0.append($0.last! + $1.term.chunkCount) }
    self.table = table
  }

  private static func checkLayout(
    _ bytes: borrowing RawSpan, segments: [PackedSegment], trailer: FileTrailer, path: String
  ) throws {
    try PackedLayout(segments: segments, trailer: trailer, path: path).check(bytes)
    let first = trailer.chunkCount > 0 ? ChunkRecord(bytes, at: trailer.tableOffset) : nil
    let end = first?.byteOffset ?? trailer.indexOffset
    guard Kernels.isAllZero(bytes.extracting(FileHeader.byteCount..<end)) else {
      throw FormatError(
        .chunkPadding, "bytes behind the header are not zero", path: path,
        byteOffset: FileHeader.byteCount)
    }
  }

  private static func readIndex(
    _ bytes: borrowing RawSpan, head: [UInt8], trailer: FileTrailer, path: String
  ) throws -> PackedIndex {
    let body = bytes.extracting(trailer.indexOffset..<trailer.trailerOffset)
    guard PackedTail.hash(header: head.rawSpan, body: body, fields: trailer.fields) == trailer.hash
    else {
      throw FormatError(
        .indexChecksum, "index or chunk table do not match their checksum", path: path,
        byteOffset: trailer.trailerOffset, hint: "the file is damaged; fetch or write it again")
    }
    let indexEnd = trailer.indexOffset + trailer.storedIndexByteCount
    guard Kernels.isAllZero(bytes.extracting(indexEnd..<trailer.tableOffset)) else {
      throw FormatError(
        .indexPadding, "bytes between index and chunk table are not zero", path: path,
        byteOffset: indexEnd)
    }
    let stored = bytes.extracting(trailer.indexOffset..<indexEnd)
    guard trailer.storedIndexByteCount < trailer.indexByteCount else {
      return try PackedIndex(stored, path: path, byteOffset: trailer.indexOffset)
    }
    // A frame says how long its content is; only a true claim is believed with memory.
    guard Zstd.contentByteCount(stored) == trailer.indexByteCount else {
      throw FormatError(
        .indexCompression,
        "the compressed index does not say that it has "
          + "\(trailer.indexByteCount) bytes", path: path, byteOffset: trailer.indexOffset)
    }
    var buffer = ByteBuffer(byteCount: trailer.indexByteCount)
    var span = buffer.mutableBytes
    do { try Zstd().decompress(stored, into: &span) } catch {
      throw FormatError(
        .indexCompression, "the index cannot be decompressed: \(error)", path: path,
        byteOffset: trailer.indexOffset)
    }
    return try PackedIndex(span.bytes, path: path, byteOffset: nil)
  }

  /// The record of chunk `chunk` of segment `segment`.
  package func record(segment: Int, chunk: Int) -> ChunkRecord {
    recordAt(firstRecords[segment] + chunk)
  }

  private func recordAt(_ number: Int) -> ChunkRecord {
    // The table's length was checked against the sum of all chunks.
    table.withBytes {
      ChunkRecord($0, at: trailer.tableOffset + number * ChunkRecord.byteCount)!
    }
  }

  /// The longest a chunk of `segment` is, stored and in its streams; read by the planner.
  package func largestChunk(ofSegment segment: Int) -> (stored: Int, decoded: Int) {
    var largest = (stored: 0, decoded: 0)
    for chunk in 0..<segments[segment].term.chunkCount {
      let record = record(segment: segment, chunk: chunk)
      largest.stored = max(largest.stored, record.storedByteCount)
      largest.decoded = max(largest.decoded, record.decodedByteCount)
    }
    return largest
  }

  package func storedByteCount(ofSegment segment: Int) -> Int {
    (0..<segments[segment].term.chunkCount).reduce(0) {
      $0 + record(segment: segment, chunk: $1).storedByteCount
    }
  }

  /// Scratch memory for `readChunk`: the stored bytes, room for the streams, and the padding.
  package func scratchByteCount(segment: Int) -> Int {
    let largest = largestChunk(ofSegment: segment)
    return largest.stored + max(largest.decoded, 4096)
  }

  /// Decodes one chunk into `values`, which has the length of its canonical bytes.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func readChunk(
    segment: Int, chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    if let fault = fault(ofSegment: segment) { throw fault }
    let owner = segments[segment]
    let record = record(segment: segment, chunk: chunk)
    let place = ChunkDecoder.Place(path: file.path, tensor: owner.info.name)
    let isLast = chunk == owner.term.chunkCount - 1
    let padding = isLast ? segmentEnd(segment) - record.end : 0
    var stored = scratch._mutatingExtracting(0..<record.storedByteCount + padding)
    try file.read(at: record.byteOffset, into: &stored)
    guard
      Kernels.isAllZero(
        scratch.bytes.extracting(
          record.storedByteCount..<record.storedByteCount + padding))
    else {
      throw place.error(.chunkPadding, "bytes behind the last chunk are not zero", at: record.end)
    }
    try decoder.decode(record, in: &scratch, dtype: owner.info.dtype, into: &values, place: place)
  }

  /// Where the padding behind a segment ends: at the next segment with chunks, or at the index.
  private func segmentEnd(_ segment: Int) -> Int {
    let next = firstRecords[segment + 1]
    return next < trailer.chunkCount ? recordAt(next).byteOffset : trailer.indexOffset
  }
}

extension PackedReader {
  /// Why this version cannot decode a segment, if so.
  package func fault(ofSegment segment: Int) -> FormatError? {
    let (term, name) = (segments[segment].term, segments[segment].info.name)
    let hint = "use a newer version of sumac"
    guard term.kind == PackedIndex.Term.dense else {
      return FormatError(
        .unknownTerm,
        "has a term of kind '\(term.kind.printable)', which this version does not have",
        path: file.path, tensor: name, hint: hint)
    }
    guard CodecRegistry.valueCodec(named: term.codec) != nil else {
      return FormatError(
        .unknownCodec, "is coded by '\(term.codec.printable)', which this version does not have",
        path: file.path, tensor: name, hint: hint)
    }
    return nil
  }

  /// Where a segment starts; the index offset for one without chunks at the end.
  package func byteOffset(ofSegment segment: Int) -> Int {
    firstRecords[segment] < trailer.chunkCount
      ? record(segment: segment, chunk: 0).byteOffset : trailer.indexOffset
  }
}
