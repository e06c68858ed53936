import Base
import Checkpoints
import TensorCore
import Zip

/// The values of a tensor that is a view of a storage: transposed, sliced, expanded, or of the other byte order.
///
/// Values are gathered through a block of scratch memory. Where the values of a range lie close together, their part of
/// the storage is read at once; otherwise each run of neighbours is read by itself. So each value costs a constant number
/// of bytes that are read, or its share of one read.
struct StridedTensorSource: TensorSource {
  /// A dimension of a block of values. Strides count elements.
  struct Dimension: Sendable, Equatable {
    var count: Int
    /// The distance of neighbours in the storage.
    var stride: Int
    /// The distance of neighbours in the tensor.
    var target: Int
  }

  private let info: TensorInfo
  private let storage: TorchStorageBytes
  /// The offset of the first value in the storage, in bytes.
  private let byteOffset: Int
  /// The dimensions, outermost first; those that lie one after the other in the storage are joined.
  private let dimensions: [Dimension]
  private let width: Int

  /// The largest part of the storage that is read at once.
  private static let blockByteCount = 2 << 20
  /// The distance in bytes from which separate reads cost less than one long read.
  private static let gapByteCount = 4096

  /// - Parameter strides: The strides of the dimensions of `info`, which the caller has compared with the storage.
  init(info: TensorInfo, storage: TorchStorageBytes, byteOffset: Int, strides: [Int]) {
    self.info = info
    self.storage = storage
    self.byteOffset = byteOffset
    width = info.dtype.bitsPerElement / 8
    dimensions = Self.joined(info.shape.dimensions, strides)
  }

  /// Returns the dimensions without those of one element, joined where possible.
  private static func joined(_ counts: [Int], _ strides: [Int]) -> [Dimension] {
    var dimensions: [Dimension] = []
    var target = 1
    for (count, stride) in zip(counts, strides).reversed() {
      if count != 1 {
        if let inner = dimensions.last, stride == inner.stride * inner.count {
          dimensions[dimensions.count - 1].count *= count
        } else {
          dimensions.append(Dimension(count: count, stride: stride, target: target))
        }
      }
      target *= count
    }
    return dimensions.reversed()
  }

  func scratchByteCount(elementCount: Int) -> Int { min(Self.blockByteCount, storage.byteCount) }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    try storage.checksum?.verify()
    try read(elements, from: 0, Place(source: 0, target: 0), into: &values, scratch: &scratch)
    if storage.isBigEndian { values.swapBytes(unit: info.dtype == .c64 ? 4 : width) }
  }

  /// The first value of a block: its element in the storage after `byteOffset`, and in the values that are read.
  private struct Place {
    var source: Int
    var target: Int
  }

  /// Reads a range of the elements of the dimensions from `first` on, as up to three blocks per dimension.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func read(
    _ elements: Range<Int>, from first: Int, _ place: Place, into values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    guard first < dimensions.count else {
      return try gather([], place, into: &values, scratch: &scratch)
    }
    let dimension = dimensions[first]
    let size = dimension.target
    let (start, end) = (elements.lowerBound / size, (elements.upperBound - 1) / size)
    func inner(_ index: Int) -> (Range<Int>, Place) {
      let all = index * size..<(index + 1) * size
      let part = all.clamped(to: elements)
      return (
        part.lowerBound - all.lowerBound..<part.upperBound - all.lowerBound,
        Place(
          source: place.source + index * dimension.stride,
          target: place.target + part.lowerBound - elements.lowerBound)
      )
    }
    let isFirstWhole = start * size == elements.lowerBound
    let isLastWhole = (end + 1) * size == elements.upperBound
    if start == end, !(isFirstWhole && isLastWhole) {
      let (part, place) = inner(start)
      return try read(part, from: first + 1, place, into: &values, scratch: &scratch)
    }
    if !isFirstWhole {
      let (part, place) = inner(start)
      try read(part, from: first + 1, place, into: &values, scratch: &scratch)
    }
    let (low, high) = (start + (isFirstWhole ? 0 : 1), end + (isLastWhole ? 1 : 0))
    if low < high {
      var block = Array(dimensions[first...])
      block[0].count = high - low
      let start = Place(
        source: place.source + low * dimension.stride,
        target: place.target + low * size - elements.lowerBound)
      try gather(block, start, into: &values, scratch: &scratch)
    }
    if !isLastWhole {
      let (part, place) = inner(end)
      try read(part, from: first + 1, place, into: &values, scratch: &scratch)
    }
  }

  /// Reads a block of values: at once if they lie close together, otherwise in parts.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func gather(
    _ block: [Dimension], _ place: Place, into values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    let block = block.filter { $0.count > 1 }
    let span = 1 + block.reduce(0) { $0 + ($1.count - 1) * $1.stride }
    let count = block.reduce(1) { $0 * $1.count }
    let widest = block.indices.max { block[$0].stride < block[$1].stride }
    guard let widest, span > scratch.byteCount / width || isSparse(span: span, count: count) else {
      return try copy(block, span: span, place, into: &values, scratch: &scratch)
    }
    var rest = block
    let dimension = rest[widest]
    // As many indexes of the outermost dimension in the storage as fit, if their distance is small.
    let inner = span - (dimension.count - 1) * dimension.stride
    var group = 1
    if dimension.stride * width < Self.gapByteCount, inner * width <= scratch.byteCount {
      group += (scratch.byteCount / width - inner) / max(1, dimension.stride)
    }
    for start in stride(from: 0, to: dimension.count, by: group) {
      rest[widest].count = min(group, dimension.count - start)
      let part = Place(
        source: place.source + start * dimension.stride,
        target: place.target + start * dimension.target)
      try gather(rest, part, into: &values, scratch: &scratch)
    }
  }

  /// True if separate reads of a block cost less than one read of all bytes that it spans.
  private func isSparse(span: Int, count: Int) -> Bool {
    span * width > Self.gapByteCount && span / count > max(16, Self.gapByteCount / width)
  }

  /// Reads the part of the storage that contains a block, and copies the values from it.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func copy(
    _ block: [Dimension], span: Int, _ place: Place, into values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    var bytes = scratch._mutatingExtracting(0..<span * width)
    try storage.file.read(
      at: storage.byteOffset + byteOffset + place.source * width, into: &bytes)
    // An odometer over all dimensions except the innermost of the tensor.
    let outer = Array(block.dropLast())
    let run = block.last ?? Dimension(count: 1, stride: 1, target: 1)
    var indexes = Array(repeating: 0, count: outer.count)
    var current = Place(source: 0, target: place.target)
    while true {
      values.gather(
        bytes.bytes, from: current.source, stride: run.stride, to: current.target,
        targetStride: run.target, count: run.count, width: width)
      var dimension = outer.count - 1
      while dimension >= 0 {
        indexes[dimension] += 1
        current.source += outer[dimension].stride
        current.target += outer[dimension].target
        if indexes[dimension] < outer[dimension].count { break }
        current.source -= outer[dimension].count * outer[dimension].stride
        current.target -= outer[dimension].count * outer[dimension].target
        indexes[dimension] = 0
        dimension -= 1
      }
      if dimension < 0 { return }
    }
  }
}
