package import Base
package import TensorCore

/// Where a tensor's values come from: any range of them, on any thread.
package protocol TensorSource: Sendable {
  /// Bytes of scratch memory that reads of up to `elementCount` elements need.
  func scratchByteCount(elementCount: Int) -> Int

  /// Writes the canonical bytes of `elements` into `values`, which has exactly their length.
  ///
  /// The range lies inside the tensor and starts and ends on a byte.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws

  /// The bytes of a file that are all values in canonical form, if they lie so: writers may copy them.
  var fileBytes: FileBytes? { get }

  /// What the container that holds the values records of them.
  var record: StoredRecord { get }

  /// What the container that holds the values needs to copy them in its own form.
  var origin: Attributes { get }
}

extension TensorSource {
  package var fileBytes: FileBytes? { nil }
  package var record: StoredRecord { StoredRecord() }
  package var origin: Attributes { Attributes() }
}

/// A range of a file that holds values in canonical form.
package struct FileBytes: Sendable {
  package let file: InputFile
  package let range: Range<Int>
  package let dtype: DType
}

/// Values that are decoded a chunk at a time.
package protocol ChunkedTensorSource: TensorSource {
  var info: TensorInfo { get }

  /// Writes the canonical bytes of a whole chunk of the grid.
  ///
  /// `scratch` has what `scratchByteCount` asked for, less the bytes of a chunk.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws
}

extension ChunkedTensorSource {
  /// Bytes of a chunk, for one that is wanted in part.
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

/// Values that lie in a file as they are.
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
