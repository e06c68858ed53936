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
