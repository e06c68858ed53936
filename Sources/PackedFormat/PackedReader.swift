package import Base
import Codecs
import TensorCore
import Zstd

/// An open `.sumac` file.
///
/// Opening it checks the index and the chunk table; each chunk is checked when it is read.
package final class PackedReader: Sendable {
  package let file: InputFile
  package let index: PackedIndex
  package let trailer: FileTrailer
  /// The number of records in the chunk table.
  package let chunkCount: Int
  /// The first record of each segment, in the order of `index.segments`, followed by the number of records.
  package let firstRecords: [Int]
  package let segments: [PackedSegment]
  /// The first segment of each entry, followed by the first segment of the attachments. An alias has no
  /// segments.
  package let firstSegments: [Int]
  /// The maximum length of a chunk of each segment, stored and decoded.
  private let largestChunks: [(stored: Int, decoded: Int)]
  private let table: MappedFile
  let decoder: ChunkDecoder
  /// True if seals are compared in addition to checksums.
  private let checksSeals: Bool

  /// - Parameter limit: The limit on memory for the catalog.
  package init(
    _ file: InputFile, checksSeals: Bool = false, limit: CatalogLimit = .none
  ) throws {
    self.file = file
    self.checksSeals = checksSeals
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
    let (index, segments, chunkCount) = try table.withBytes { bytes in
      let index = try Self.readIndex(
        bytes, head: head, trailer: trailer, limit: limit, path: path)
      let segments = index.segments
      guard let chunkCount = trailer.chunkCount(isSealed: index.isSealed) else {
        throw FormatError(
          .chunkTableLength,
          "the chunk table of a sealed file does not have one seal for each record",
          path: path, byteOffset: trailer.tableOffset)
      }
      try Self.checkLayout(
        bytes, segments: segments, chunkCount: chunkCount, trailer: trailer, path: path)
      return (index, segments, chunkCount)
    }
    self.index = index
    self.segments = segments
    self.chunkCount = chunkCount
    let firstRecords = segments.reduce(into: [0]) { $0.append($0.last! + $1.chunkCount) }
    self.firstRecords = firstRecords
    largestChunks = table.withBytes { bytes in
      segments.indices.map { segment in
        Self.largestChunk(firstRecords[segment]..<firstRecords[segment + 1], bytes, trailer)
      }
    }
    firstSegments = index.entries.reduce(into: [0]) { starts, entry in
      let count =
        if case .tensor(let tensor) = entry.content {
          tensor.segments(entry: 0).count
        } else { 0 }
      starts.append(starts.last! + count)
    }
    self.table = table
  }

  private static func checkLayout(
    _ bytes: borrowing RawSpan, segments: [PackedSegment], chunkCount: Int, trailer: FileTrailer,
    path: String
  ) throws {
    try PackedLayout(segments: segments, trailer: trailer, chunkCount: chunkCount, path: path)
      .check(bytes)
    let first = chunkCount > 0 ? ChunkRecord(bytes, at: trailer.tableOffset) : nil
    let end = first?.byteOffset ?? trailer.indexOffset
    guard Kernels.isAllZero(bytes.extracting(FileHeader.byteCount..<end)) else {
      throw FormatError(
        .chunkPadding, "padding bytes after the header are not zero", path: path,
        byteOffset: FileHeader.byteCount)
    }
  }

  private static func readIndex(
    _ bytes: borrowing RawSpan, head: [UInt8], trailer: FileTrailer, limit: CatalogLimit,
    path: String
  ) throws -> PackedIndex {
    let body = bytes.extracting(trailer.indexOffset..<trailer.trailerOffset)
    guard PackedTail.hash(header: head.rawSpan, body: body, fields: trailer.fields) == trailer.hash
    else {
      throw FormatError(
        .indexChecksum, "the index or the chunk table does not match its checksum", path: path,
        byteOffset: trailer.trailerOffset, hint: "the file is damaged; fetch or write it again")
    }
    let indexEnd = trailer.indexOffset + trailer.storedIndexByteCount
    guard Kernels.isAllZero(bytes.extracting(indexEnd..<trailer.tableOffset)) else {
      throw FormatError(
        .indexPadding, "padding bytes between index and chunk table are not zero", path: path,
        byteOffset: indexEnd)
    }
    let stored = bytes.extracting(trailer.indexOffset..<indexEnd)
    guard trailer.storedIndexByteCount < trailer.indexByteCount else {
      try PackedIndex.check(stored, limit, path: path)
      return try PackedIndex(stored, path: path, byteOffset: trailer.indexOffset)
    }
    // The buffer is allocated only if the frame declares the length that the trailer does.
    guard Zstd.contentByteCount(stored) == trailer.indexByteCount else {
      throw FormatError(
        .indexCompression,
        "the compressed index does not declare the \(trailer.indexByteCount) bytes that the "
          + "trailer records", path: path, byteOffset: trailer.indexOffset)
    }
    try limit.check(
      CatalogSize(tensorCount: 0, headerByteCount: trailer.indexByteCount), perTensor: 0,
      path: path)
    var buffer = ByteBuffer(byteCount: trailer.indexByteCount)
    var span = buffer.mutableBytes
    do { try Zstd().decompress(stored, into: &span) } catch {
      throw FormatError(
        .indexCompression, "the index cannot be decompressed: \(error)", path: path,
        byteOffset: trailer.indexOffset)
    }
    let decoded = span.bytes
    try PackedIndex.check(decoded, limit, path: path)
    return try PackedIndex(decoded, path: path, byteOffset: nil)
  }

  // MARK: Records

  /// Returns the record of a chunk of a segment.
  package func record(segment: Int, chunk: Int) -> ChunkRecord {
    recordAt(firstRecords[segment] + chunk)
  }

  private func recordAt(_ number: Int) -> ChunkRecord {
    // Opening the file has checked the length of the table against the sum of all chunks.
    table.withBytes {
      ChunkRecord($0, at: trailer.tableOffset + number * ChunkRecord.byteCount)!
    }
  }

  /// Returns the segment and the chunk of a record.
  func position(ofRecord number: Int) -> (segment: Int, chunk: Int) {
    // The last segment that starts at or before the record; segments without chunks start where the next one does.
    var (low, high) = (0, segments.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firstRecords[middle] <= number { low = middle } else { high = middle }
    }
    return (low, number - firstRecords[low])
  }

  /// Returns the SHA-256 of a chunk's stored bytes; nil if the file is not sealed.
  package func seal(segment: Int, chunk: Int) -> [UInt8]? {
    guard index.isSealed else { return nil }
    let number = chunkCount + firstRecords[segment] + chunk
    let byteOffset = trailer.tableOffset + number * ChunkRecord.byteCount
    return table.withBytes {
      $0.extracting(byteOffset..<byteOffset + ChunkRecord.byteCount).array()
    }
  }

  private static func largestChunk(
    _ records: Range<Int>, _ file: borrowing RawSpan, _ trailer: FileTrailer
  ) -> (stored: Int, decoded: Int) {
    var largest = (stored: 0, decoded: 0)
    for number in records {
      let byteOffset = trailer.tableOffset + number * ChunkRecord.byteCount
      guard let record = ChunkRecord(file, at: byteOffset) else { continue }
      largest.stored = max(largest.stored, record.storedByteCount)
      largest.decoded = max(largest.decoded, record.decodedByteCount)
    }
    return largest
  }

  /// Returns the total stored length of a segment's chunks.
  package func storedByteCount(ofSegment segment: Int) -> Int {
    (0..<segments[segment].chunkCount).reduce(0) {
      $0 + record(segment: segment, chunk: $1).storedByteCount
    }
  }

  /// The byte offset of a segment's first chunk; the index offset if no chunk follows.
  package func byteOffset(ofSegment segment: Int) -> Int {
    firstRecords[segment] < chunkCount
      ? record(segment: segment, chunk: 0).byteOffset : trailer.indexOffset
  }

  // MARK: Chunks

  /// The memory for the stored bytes of a chunk with the padding after it, and for its decoded streams.
  func chunkByteCount(ofSegment segment: Int) -> Int {
    let largest = largestChunks[segment]
    return largest.stored + max(largest.decoded, 4096)
  }

  /// Reads a chunk to the start of `buffer` and checks it; returns the ranges of its streams in `buffer`.
  @_lifetime(buffer: copy buffer)
  func readStreams(
    segment: Int, chunk: Int, into buffer: inout MutableRawSpan
  ) throws -> (record: ChunkRecord, streams: [Range<Int>]) {
    if let fault = fault(ofSegment: segment) { throw fault }
    let owner = segments[segment]
    let record = record(segment: segment, chunk: chunk)
    try readChunk(record, segment: segment, chunk: chunk, into: &buffer)
    if checksSeals, index.isSealed {
      try checkSeal(
        PackedTail.seal(of: buffer.bytes.extracting(0..<record.storedByteCount)),
        segment: segment, chunk: chunk)
    }
    let location = location(ofSegment: segment)
    // Opening the file has checked all records against their segments.
    let lengths = owner.streamByteCounts(of: record, chunk: chunk)!
    let streams = try decoder.streams(of: record, lengths: lengths, in: &buffer, location: location)
    return (record, streams)
  }

  /// Reads the stored bytes of a chunk and the padding after it to the start of `buffer`, and checks the padding.
  @_lifetime(buffer: copy buffer)
  private func readChunk(
    _ record: ChunkRecord, segment: Int, chunk: Int, into buffer: inout MutableRawSpan
  ) throws {
    let isLast = chunk == segments[segment].chunkCount - 1
    let padding = isLast ? segmentEnd(segment) - record.end : 0
    var stored = buffer._mutatingExtracting(0..<record.storedByteCount + padding)
    try file.read(at: record.byteOffset, into: &stored)
    guard
      Kernels.isAllZero(
        stored.bytes.extracting(record.storedByteCount..<record.storedByteCount + padding))
    else {
      throw location(ofSegment: segment).error(
        .chunkPadding, "padding bytes after the last chunk of a segment are not zero",
        at: record.end)
    }
  }

  /// Throws if the SHA-256 of a chunk's stored bytes differs from its seal. Files without seals have nothing to compare.
  func checkSeal(_ hash: [UInt8], segment: Int, chunk: Int) throws(FormatError) {
    guard let seal = seal(segment: segment, chunk: chunk), seal != hash else { return }
    let record = record(segment: segment, chunk: chunk)
    throw location(ofSegment: segment).error(
      .chunkSeal, "a chunk of \(record.storedByteCount) bytes does not match its seal",
      at: record.byteOffset)
  }

  package func chunkCount(ofSegment segment: Int) -> Int { segments[segment].chunkCount }

  /// The memory that `readStored` needs: for the stored bytes of a chunk with the padding after it.
  package func storedBufferByteCount(ofSegment segment: Int) -> Int {
    largestChunks[segment].stored + 4096
  }

  /// Reads the stored bytes of a chunk to the start of `buffer`, and checks their checksum and the padding after them.
  @_lifetime(buffer: copy buffer)
  package func readStored(
    segment: Int, chunk: Int, into buffer: inout MutableRawSpan
  ) throws -> ChunkRecord {
    if let fault = fault(ofSegment: segment) { throw fault }
    let record = record(segment: segment, chunk: chunk)
    try readChunk(record, segment: segment, chunk: chunk, into: &buffer)
    guard
      record.checksum == Kernels.xxh64(buffer.bytes.extracting(0..<record.storedByteCount))
    else {
      throw location(ofSegment: segment).error(
        .chunkChecksum,
        "a chunk of \(record.storedByteCount) bytes does not match its checksum",
        at: record.byteOffset)
    }
    return record
  }

  func location(ofSegment segment: Int) -> ChunkLocation {
    ChunkLocation(path: file.path, tensor: segments[segment].info.name)
  }

  /// The end of the padding after a segment: the next segment with chunks, or the index.
  private func segmentEnd(_ segment: Int) -> Int {
    let next = firstRecords[segment + 1]
    return next < chunkCount ? recordAt(next).byteOffset : trailer.indexOffset
  }

  /// The reason why this version cannot decode a segment; nil if it can.
  package func fault(ofSegment segment: Int) -> FormatError? {
    guard case .tensor(let entry, let term) = segments[segment].owner,
      case .tensor(let tensor) = index.entries[entry].content,
      let (fault, name) = tensor.terms[term].fault
    else { return nil }
    return FormatError(
      fault,
      (fault == .unknownTerm ? "has a term of kind" : "uses the codec")
        + " '\(name.printable)', which this version does not have", path: file.path,
      tensor: tensor.info.name, hint: "use a newer version of sumac")
  }

  /// The reason why this version cannot read an entry's tensor; nil if it can.
  package func fault(ofEntry entry: Int) -> FormatError? {
    (firstSegments[entry]..<firstSegments[entry + 1]).lazy
      .compactMap { self.fault(ofSegment: $0) }.first
  }
}
