import Base
import Codecs
import TensorCore

/// Reading of dense segments: attachments, factors and dense terms.
extension PackedReader {
  /// The number of bytes of a segment's values in the form that its codec works on.
  func valueByteCount(ofSegment segment: Int, elementCount: Int) -> Int {
    let owner = segments[segment]
    switch owner.content {
    case .dense(let codec), .sparse(_, let codec):
      return codec.isLossless
        ? (elementCount * owner.info.dtype.bitsPerElement + 7) / 8 : 4 * elementCount
    case .unknown: return 0
    }
  }

  func codecScratchByteCount(ofSegment segment: Int) -> Int {
    let owner = segments[segment]
    guard owner.chunkCount > 0 else { return 0 }
    // The first chunk is the largest; other chunks may split one more group.
    let layout = owner.layout(ofChunk: 0)
    switch owner.content {
    case .dense(let codec): return 2 * codec.scratchByteCount(layout)
    case .sparse(let index, let codec):
      let list = ChunkLayout(dtype: layout.dtype, listOf: layout.elementCount)
      return max(index.scratchByteCount(layout), 2 * codec.scratchByteCount(list))
    case .unknown: return 0
    }
  }

  /// Returns the layout of the memory to read a chunk: its stored and decompressed bytes, and the scratch memory of
  /// its codec.
  func chunkLayout(ofSegment segment: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      chunkByteCount(ofSegment: segment), scratch: codecScratchByteCount(ofSegment: segment))
  }

  /// The scratch memory that `readChunk` needs.
  package func scratchByteCount(segment: Int) -> Int { chunkLayout(ofSegment: segment).byteCount }

  /// Decodes one chunk of a dense segment into `values`: as canonical bytes if its codec is lossless,
  /// as float32 otherwise.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func readChunk(
    segment: Int, chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let owner = segments[segment]
    try chunkLayout(ofSegment: segment).withSpans(of: &scratch) { buffer, rest in
      let (record, streams) = try readStreams(segment: segment, chunk: chunk, into: &buffer)
      // Opening the file has checked all records against their segments.
      let codec = owner.valueCodec(of: record)!
      do throws(CodecProblem) {
        try codec.decode(
          buffer.bytes, streams: streams, owner.layout(ofChunk: chunk), into: &values,
          scratch: &rest)
      } catch { throw streamError(error, segment, record) }
    }
  }

  func streamError(_ problem: CodecProblem, _ segment: Int, _ record: ChunkRecord) -> FormatError {
    location(ofSegment: segment).error(
      .streamValues, "a chunk: \(problem.description)", at: record.byteOffset)
  }

  /// The scratch memory that `readValues` needs for any range of a segment.
  package func rangeScratchByteCount(segment: Int) -> Int {
    rangeLayout(ofSegment: segment).byteCount
  }

  /// Returns the layout of the memory to read a part of a chunk: the values of a whole chunk, and the memory to read
  /// it.
  private func rangeLayout(ofSegment segment: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      valueByteCount(ofSegment: segment, elementCount: segments[segment].info.grid.largestChunk),
      scratch: chunkLayout(ofSegment: segment).byteCount)
  }

  /// Decodes a range of a dense segment; the range must start and end on a byte.
  ///
  /// Only the chunks that overlap the range are read; the checksum of each covers the whole chunk.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func readValues(
    segment: Int, _ elements: Range<Int>, into values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    let grid = segments[segment].info.grid
    try grid.forEachChunk(in: elements) { chunk, whole, wanted in
      func bytes(_ range: Range<Int>, from start: Int) -> Range<Int> {
        let first = valueByteCount(
          ofSegment: segment, elementCount: range.lowerBound - start)
        return first..<first + valueByteCount(ofSegment: segment, elementCount: range.count)
      }
      let targetBytes = bytes(wanted, from: elements.lowerBound)
      guard wanted != whole else {
        var target = values._mutatingExtracting(targetBytes)
        return try readChunk(segment: segment, chunk: chunk, into: &target, scratch: &scratch)
      }
      try rangeLayout(ofSegment: segment).withSpans(of: &scratch) { decoded, rest in
        var decoded = decoded._mutatingExtracting(bytes(whole, from: whole.lowerBound))
        try readChunk(segment: segment, chunk: chunk, into: &decoded, scratch: &rest)
        values.copy(
          decoded.bytes.extracting(bytes(wanted, from: whole.lowerBound)),
          at: targetBytes.lowerBound)
      }
    }
  }
}
