import Base
import Checkpoints
import TensorCore

/// A tensor [tokens, kv heads, 2 · head dim] with the keys of each head followed by its values.
struct PairedSource: TensorSource {
  private let parts: [LazyTensor]
  private let heads: Int
  private let dim: Int
  private let width: Int

  init(_ key: LazyTensor, _ value: LazyTensor) {
    parts = [key, value]
    let dimensions = key.info.shape.dimensions
    (heads, dim) = (dimensions[1], dimensions[3])
    width = key.info.dtype.bitsPerElement / 8
  }

  func scratchByteCount(elementCount: Int) -> Int {
    let count = (elementCount / (2 * heads * dim) + 2) * heads * dim
    return width * count
      + (parts.map { TokenMajorSource($0).scratchByteCount(elementCount: count) }.max() ?? 0)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    // The heads that contain elements of the range.
    let rows = elements.lowerBound / (2 * dim)..<(elements.upperBound - 1) / (2 * dim) + 1
    for (index, part) in parts.enumerated() {
      try scratch.split(at: width * rows.count * dim) { found, rest in
        try TokenMajorSource(part).read(
          rows.lowerBound * dim..<rows.upperBound * dim, into: &found, scratch: &rest)
        for row in rows {
          let start = row * 2 * dim + index * dim
          let wanted = (start..<start + dim).clamped(to: elements)
          guard !wanted.isEmpty else { continue }
          let from = (row - rows.lowerBound) * dim + wanted.lowerBound - start
          values.copy(
            found.bytes.extracting(width * from..<width * (from + wanted.count)),
            at: width * (wanted.lowerBound - elements.lowerBound))
        }
      }
    }
  }
}

/// Tensors of the same shape, stacked along a new first dimension.
struct StackedSource: TensorSource {
  private let parts: [LazyTensor]
  private let size: Int
  private let width: Int

  static func tensor(_ name: String, _ parts: [LazyTensor]) throws -> LazyTensor {
    let first = parts[0].info
    let info = try TensorInfo(
      name: name, dtype: first.dtype, shape: Shape([parts.count] + first.shape.dimensions))
    return LazyTensor(
      info: info,
      source: StackedSource(
        parts: parts, size: first.elementCount, width: first.dtype.bitsPerElement / 8),
      stored: parts[0].stored)
  }

  func scratchByteCount(elementCount: Int) -> Int {
    parts.map { $0.source.scratchByteCount(elementCount: elementCount) }.max() ?? 0
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    var element = elements.lowerBound
    while element < elements.upperBound {
      let (part, start) = (element / size, element % size)
      let count = min(elements.upperBound - element, size - start)
      let from = width * (element - elements.lowerBound)
      var target = values._mutatingExtracting(from..<from + width * count)
      try parts[part].source.read(start..<start + count, into: &target, scratch: &scratch)
      element += count
    }
  }
}
