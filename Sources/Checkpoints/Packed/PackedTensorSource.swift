package import PackedFormat
import TensorCore

/// Values that lie in the chunks of a `.sumac` file.
///
/// Only the chunks that hold a part of the range are read; each is checked whole.
package struct PackedTensorSource: TensorSource {
  private let reader: PackedReader
  private let segment: Int
  private let grid: ChunkGrid
  private let info: TensorInfo
  /// What `readChunk` needs, and behind it the values of a chunk that is wanted in part.
  private let chunkScratchByteCount: Int
  private let chunkByteCount: Int

  package init(reader: PackedReader, segment: Int) {
    self.reader = reader
    self.segment = segment
    info = reader.segments[segment].info
    grid = info.grid
    chunkScratchByteCount = reader.scratchByteCount(segment: segment)
    chunkByteCount = info.dtype.byteCount(of: grid.largestChunk) ?? 0
  }

  package func scratchByteCount(elementCount: Int) -> Int {
    chunkScratchByteCount + chunkByteCount
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    let first = grid.chunk(containing: elements.lowerBound)
    let last = grid.chunk(containing: elements.upperBound - 1)
    let start = info.bytes(of: elements).lowerBound
    for chunk in first...last {
      let whole = grid[chunk]
      let wanted = whole.clamped(to: elements)
      let wantedBytes = info.bytes(of: wanted)
      let place = wantedBytes.lowerBound - start
      if wanted == whole {
        var target = values._mutatingExtracting(place..<place + wantedBytes.count)
        try reader.readChunk(segment: segment, chunk: chunk, into: &target, scratch: &scratch)
      } else {
        let wholeBytes = info.bytes(of: whole)
        try scratch.split(at: chunkByteCount) { decoded, rest in
          var target = decoded._mutatingExtracting(0..<wholeBytes.count)
          try reader.readChunk(segment: segment, chunk: chunk, into: &target, scratch: &rest)
          let offset = wantedBytes.lowerBound - wholeBytes.lowerBound
          values.copy(
            decoded.bytes.extracting(offset..<offset + wantedBytes.count), at: place)
        }
      }
    }
  }
}
