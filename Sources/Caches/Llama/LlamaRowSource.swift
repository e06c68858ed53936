import Base
import Checkpoints
import TensorCore

/// The rows of a llama.cpp file as a tensor of bytes: all heads of each token, in the type of the file.
struct LlamaRowSource: TensorSource {
  let base: LazyTensor
  let type: LlamaType
  let rotation: Int?
  let hasAdjacentPairs: Bool

  private var heads: Int { base.info.shape.dimensions[1] }
  private var dim: Int { base.info.shape.dimensions[3] }
  var rowByteCount: Int { heads * dim / type.blockSize * type.blockByteCount }

  private func rows(_ elements: Range<Int>) -> Range<Int> {
    elements.lowerBound / rowByteCount..<(elements.upperBound - 1) / rowByteCount + 1
  }

  func scratchByteCount(elementCount: Int) -> Int {
    let values = (elementCount / rowByteCount + 2) * heads * dim
    return values * base.info.dtype.bitsPerElement / 8
      + TokenMajorSource(base).scratchByteCount(elementCount: values)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    let rows = rows(elements)
    let count = heads * dim
    let width = base.info.dtype.bitsPerElement / 8
    try scratch.split(at: width * rows.count * count) { found, rest in
      try TokenMajorSource(base).read(
        rows.lowerBound * count..<rows.upperBound * count, into: &found, scratch: &rest)
      for row in rows {
        let start = width * (row - rows.lowerBound) * count
        let stored = found.bytes.extracting(start..<start + width * count).array()
        let bytes = try encoded(stored)
        let wanted = (row * rowByteCount..<(row + 1) * rowByteCount).clamped(to: elements)
        let from = wanted.lowerBound - row * rowByteCount
        values.copy(
          bytes.rawSpan.extracting(from..<from + wanted.count),
          at: wanted.lowerBound - elements.lowerBound)
      }
    }
  }

  /// Returns a row of values encoded in the type of the file.
  private func encoded(_ row: [UInt8]) throws -> [UInt8] {
    if !hasAdjacentPairs, rotation == nil, !type.isQuantized, type.dtype == base.info.dtype {
      return row
    }
    var floats = try LlamaRows.floats(row, from: base.info.dtype)
    if hasAdjacentPairs {
      let halves = floats
      for head in 0..<heads {
        for pair in 0..<dim / 2 {
          floats[head * dim + 2 * pair] = halves[head * dim + pair]
          floats[head * dim + 2 * pair + 1] = halves[head * dim + dim / 2 + pair]
        }
      }
    }
    if let rotation { HadamardRotation.apply(&floats, block: rotation) }
    try check(floats)
    guard type.isQuantized else { return try LlamaRows.bytes(floats, as: type.dtype) }
    var buffer = ByteBuffer(byteCount: rowByteCount)
    var span = buffer.mutableBytes
    Kernels.best.encodeGgml(
      floats.rawSpan, type: Int(type.rawValue), blockByteCount: type.blockByteCount, into: &span)
    return span.bytes.array()
  }

  /// Checks that the type can represent the values.
  ///
  /// Values must be in its range; quantized types also cannot represent NaN and infinity.
  private func check(_ floats: [Float]) throws {
    for value in floats where !(value.magnitude < type.limit) {
      if !type.isQuantized, !value.isFinite { continue }
      throw FormatError(
        .cacheShape, "contains \(value), which \(type.name) cannot represent",
        path: base.stored.file, tensor: base.name,
        hint: "choose another type with \(setting: "dtype")")
    }
  }
}
