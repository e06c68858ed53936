package import PackedFormat
package import TensorCore

/// The values of an entry of a `.sumac` file: what its terms make together.
///
/// Only the chunks that hold a part of the range are read; each is checked whole.
package struct PackedTensorSource: TensorSource {
  package let reader: PackedReader
  package let entry: Int
  private let info: TensorInfo
  private let grid: ChunkGrid

  package init(reader: PackedReader, entry: Int, info: TensorInfo) {
    self.reader = reader
    self.entry = entry
    self.info = info
    grid = info.grid
  }

  /// What reading chunks needs, and before it the values of a chunk that is wanted in part.
  package func scratchByteCount(elementCount: Int) -> Int {
    reader.scratchByteCount(entry: entry) + chunkByteCount
  }

  private var chunkByteCount: Int { info.dtype.byteCount(of: grid.largestChunk) ?? 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let start = info.bytes(of: elements).lowerBound
    try PackedReader.forEachChunk(of: grid, in: elements) { chunk, whole, wanted in
      let wantedBytes = info.bytes(of: wanted)
      let place = wantedBytes.lowerBound - start
      guard wanted != whole else {
        var target = values._mutatingExtracting(place..<place + wantedBytes.count)
        return try reader.readTensorChunk(
          entry: entry, chunk: chunk, into: &target, scratch: &scratch)
      }
      let wholeBytes = info.bytes(of: whole)
      try scratch.split(at: chunkByteCount) { decoded, rest in
        var target = decoded._mutatingExtracting(0..<wholeBytes.count)
        try reader.readTensorChunk(
          entry: entry, chunk: chunk, into: &target, scratch: &rest)
        let offset = wantedBytes.lowerBound - wholeBytes.lowerBound
        values.copy(
          decoded.bytes.extracting(offset..<offset + wantedBytes.count), at: place)
      }
    }
  }
}

/// The bytes of an attachment of a `.sumac` file.
package struct PackedAttachmentSource: TensorSource {
  package let reader: PackedReader
  package let segment: Int

  package init(reader: PackedReader, segment: Int) {
    self.reader = reader
    self.segment = segment
  }

  package func scratchByteCount(elementCount: Int) -> Int {
    reader.rangeScratchByteCount(segment: segment)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try reader.readValues(segment: segment, elements, into: &values, scratch: &scratch)
  }
}
