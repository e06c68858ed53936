import Base
package import Checkpoints
package import PackedFormat
package import TensorCore

/// A source of the values of an entry of a `.sumac` file, which are the combination of its terms.
///
/// Only the chunks that overlap the requested range are read. The checksum of each of these chunks is
/// verified.
package struct PackedTensorSource: ChunkedTensorSource {
  package let reader: PackedReader
  package let entry: Int
  package let info: TensorInfo

  package init(reader: PackedReader, entry: Int, info: TensorInfo) {
    self.reader = reader
    self.entry = entry
    self.info = info
  }

  package var origin: Attributes {
    let starts = reader.firstSegments
    return Attributes(
      PackedOrigin.self,
      PackedOrigin(
        reader: reader, entry: entry, segments: starts[entry]..<starts[entry + 1]))
  }

  package var record: StoredRecord { StoredRecord(reader.tensor(ofEntry: entry)) }

  /// Returns the memory for reading a chunk, and for the values of a chunk that is requested in part.
  package func scratchByteCount(elementCount: Int) -> Int {
    reader.scratchByteCount(entry: entry) + chunkByteCount
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try reader.readTensorChunk(entry: entry, chunk: chunk, into: &values, scratch: &scratch)
  }
}

/// A source of the bytes of an attachment of a `.sumac` file.
package struct PackedAttachmentSource: TensorSource {
  package let reader: PackedReader
  package let segment: Int

  package init(reader: PackedReader, segment: Int) {
    self.reader = reader
    self.segment = segment
  }

  package var origin: Attributes {
    Attributes(
      PackedOrigin.self,
      PackedOrigin(reader: reader, entry: nil, segments: segment..<segment + 1))
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
