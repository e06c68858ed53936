import Base
import Checkpoints
import TensorCore

/// A source whose values are stored in canonical form in several ranges of a file, one after another.
struct SegmentedTensorSource: TensorSource {
  private let file: InputFile
  private let info: TensorInfo
  private let segments: [Range<Int>]
  /// The number of bytes before each segment.
  private let starts: [Int]

  /// - Parameter segments: Ranges of the file that have the bytes of the tensor in total.
  init(file: InputFile, info: TensorInfo, segments: [Range<Int>]) {
    self.file = file
    self.info = info
    self.segments = segments
    var end = 0
    starts = segments.map { segment in
      defer { end += segment.count }
      return end
    }
  }

  func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let wanted = info.bytes(of: elements)
    for (segment, start) in zip(segments, starts) {
      let part = wanted.clamped(to: start..<start + segment.count)
      guard !part.isEmpty else { continue }
      let target = part.lowerBound - wanted.lowerBound
      var bytes = values._mutatingExtracting(target..<target + part.count)
      try file.read(at: segment.lowerBound + part.lowerBound - start, into: &bytes)
    }
  }
}
