package import PackedFormat
import Base
package import TensorCore

/// The values of an entry of a `.sumac` file: what its terms make together.
///
/// Only the chunks that hold a part of the range are read; each is checked whole.
package struct PackedTensorSource: ChunkedTensorSource {
  package let reader: PackedReader
  package let entry: Int
  package let info: TensorInfo

  package init(reader: PackedReader, entry: Int, info: TensorInfo) {
    self.reader = reader
    self.entry = entry
    self.info = info
  }

  /// What reading chunks needs, and before it the values of a chunk that is wanted in part.
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
