package import Base
package import TensorCore

/// A source of a tensor's values. Any range of them may be read from any thread.
package protocol TensorSource: Sendable {
  /// Returns the number of bytes of scratch memory that reads of up to `elementCount` elements need.
  func scratchByteCount(elementCount: Int) -> Int

  /// Writes the canonical bytes of `elements` into `values`, whose length is exactly that of these bytes.
  ///
  /// The range must be inside the tensor, and start and end on a byte.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws

  /// The range of a file that contains all values in canonical form, which writers may copy; nil if there
  /// is none.
  var fileBytes: FileBytes? { get }

  /// The place of the first value in the order in which reading is fast; nil if the order does not matter.
  var readingPlace: ReadingPlace? { get }

  /// The grid of chunks that are always decoded as a whole, even for a part of one; nil if parts can be read alone.
  var decodedChunks: ChunkGrid? { get }

  /// The container's record of the values.
  var record: StoredRecord { get }

  /// The data with which the original container can copy the values in its own form.
  var origin: Attributes { get }

  /// Gathers the loss while the values are read; nil unless the source rounds or clears values.
  var loss: LossRecorder? { get }

  /// The tensor before the source rounded its values; nil unless it rounds.
  var unrounded: LazyTensor? { get }

  /// The checksums of the chunks that were read; nil if the source does not gather them.
  var checksums: ChunkChecksums? { get }
}

extension TensorSource {
  package var fileBytes: FileBytes? { nil }
  package var readingPlace: ReadingPlace? { nil }
  package var decodedChunks: ChunkGrid? { nil }
  package var record: StoredRecord { StoredRecord() }
  package var origin: Attributes { Attributes() }
  package var loss: LossRecorder? { nil }
  package var unrounded: LazyTensor? { nil }
  package var checksums: ChunkChecksums? { nil }
}

/// A range of a file that contains values in canonical form.
package struct FileBytes: Sendable {
  package let file: InputFile
  package let range: Range<Int>
  package let dtype: DType
}

/// A source whose values are decoded chunk by chunk.
package protocol ChunkedTensorSource: TensorSource {
  var info: TensorInfo { get }

  /// Writes the canonical bytes of a whole chunk of the grid into `values`.
  ///
  /// `scratch` has the length that `scratchByteCount` returns, less the bytes of one chunk.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws
}

extension ChunkedTensorSource {
  package var decodedChunks: ChunkGrid? { info.grid }

  /// The length of the largest chunk in bytes; scratch memory for chunks that are read in part.
  package var chunkByteCount: Int { info.dtype.byteCount(of: info.grid.largestChunk) ?? 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let start = info.bytes(of: elements).lowerBound
    try info.grid.forEachChunk(in: elements) { chunk, whole, wanted in
      let wantedBytes = info.bytes(of: wanted)
      let target = wantedBytes.lowerBound - start
      guard wanted != whole else {
        var part = values._mutatingExtracting(target..<target + wantedBytes.count)
        return try read(chunk: chunk, into: &part, scratch: &scratch)
      }
      let wholeBytes = info.bytes(of: whole)
      try scratch.split(at: chunkByteCount) { decoded, rest in
        var part = decoded._mutatingExtracting(0..<wholeBytes.count)
        try read(chunk: chunk, into: &part, scratch: &rest)
        let offset = wantedBytes.lowerBound - wholeBytes.lowerBound
        values.copy(
          decoded.bytes.extracting(offset..<offset + wantedBytes.count), at: target)
      }
    }
  }
}

/// A source whose values are stored in a file in canonical form.
package struct FileTensorSource: TensorSource {
  package let file: InputFile
  package let info: TensorInfo
  package let byteOffset: Int

  package init(file: InputFile, info: TensorInfo, byteOffset: Int) {
    self.file = file
    self.info = info
    self.byteOffset = byteOffset
  }

  package func scratchByteCount(elementCount: Int) -> Int { 0 }

  package var fileBytes: FileBytes? {
    FileBytes(
      file: file, range: byteOffset..<byteOffset + info.byteCount, dtype: info.dtype)
  }

  package var readingPlace: ReadingPlace? { file.readingPlace(at: byteOffset) }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let bytes = info.bytes(of: elements)
    precondition(bytes.count == values.byteCount)
    try file.read(at: byteOffset + bytes.lowerBound, into: &values)
  }
}
