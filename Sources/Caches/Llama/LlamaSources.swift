import Base
import Checkpoints
import TensorCore

/// Keys or values [1, kv heads, tokens, head dim], read from a llama.cpp file.
struct LlamaSource: TensorSource {
  let file: InputFile
  let info: TensorInfo
  let block: LlamaFile.Block
  /// The index of each token's cell.
  let cells: [Int]
  /// The number of cells in the stream, which is the length of a run of transposed values.
  let cellCount: Int
  let isTransposed: Bool
  /// The block size of the rotation to undo, or nil if values are not rotated.
  let rotation: Int?
  /// True if rotary pairs in the file are adjacent; they are returned half a head apart.
  let hasAdjacentPairs: Bool

  private var tokens: Int { info.shape.dimensions[2] }
  private var dim: Int { info.shape.dimensions[3] }
  private var width: Int { info.dtype.bitsPerElement / 8 }

  func scratchByteCount(elementCount: Int) -> Int {
    isTransposed ? max(cellCount, 1) * block.byteCount : block.byteCount + 4 * block.width
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    if isTransposed {
      return try readTransposed(elements, into: &values, scratch: &scratch)
    }
    for row in elements.lowerBound / dim...(elements.upperBound - 1) / dim {
      let wanted = (row * dim..<(row + 1) * dim).clamped(to: elements)
      let (head, token) = (row / tokens, row % tokens)
      let bytes = try self.row(head: head, cell: cells[token], scratch: &scratch)
      let start = width * (wanted.lowerBound - row * dim)
      values.copy(
        bytes.rawSpan.extracting(start..<start + width * wanted.count),
        at: width * (wanted.lowerBound - elements.lowerBound))
    }
  }

  /// Returns a head of a cell, in the order and dtype of the tensor.
  @_lifetime(scratch: copy scratch)
  private func row(
    head: Int, cell: Int, scratch: inout MutableRawSpan
  ) throws -> [UInt8] {
    let type = block.type
    // The blocks that contain values of the head.
    let first = head * dim / type.blockSize
    let end = ((head + 1) * dim + type.blockSize - 1) / type.blockSize
    let byteCount = (end - first) * type.blockByteCount
    var stored = scratch._mutatingExtracting(0..<byteCount)
    try file.read(
      at: block.byteOffset + cell * block.byteCount + first * type.blockByteCount, into: &stored)
    guard type.isQuantized || hasAdjacentPairs || rotation != nil else {
      return stored.bytes.array()
    }
    var floats: [Float]
    if type.isQuantized {
      let bytes = stored.bytes.array()
      let all = try Self.decoded(bytes, type: type, count: (end - first) * type.blockSize)
      let skipped = head * dim - first * type.blockSize
      floats = Array(all[skipped..<skipped + dim])
    } else {
      let bytes = stored.bytes.array()
      floats = try LlamaRows.floats(bytes, from: type.dtype)
    }
    if let rotation { HadamardRotation.apply(&floats, block: rotation) }
    if hasAdjacentPairs {
      let adjacent = floats
      for pair in 0..<dim / 2 {
        floats[pair] = adjacent[2 * pair]
        floats[dim / 2 + pair] = adjacent[2 * pair + 1]
      }
    }
    return try LlamaRows.bytes(floats, as: info.dtype)
  }

  static func decoded(_ bytes: [UInt8], type: LlamaType, count: Int) throws -> [Float] {
    var buffer = ByteBuffer(byteCount: 4 * count)
    var span = buffer.mutableBytes
    Kernels.best.decodeGgml(
      bytes.rawSpan, type: Int(type.rawValue), blockByteCount: type.blockByteCount, into: &span)
    return span.bytes.floats()
  }

  /// Reads transposed values, stored as runs of one value of all cells.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func readTransposed(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let size = block.byteCount
    let slab = tokens * dim
    for head in elements.lowerBound / slab...(elements.upperBound - 1) / slab {
      let range = (head * slab..<(head + 1) * slab).clamped(to: elements)
      let rows =
        range.lowerBound / dim - head * tokens..<(range.upperBound - 1) / dim
        - head * tokens + 1
      for column in 0..<dim {
        var run = scratch._mutatingExtracting(0..<size * cellCount)
        try file.read(
          at: block.byteOffset + (head * dim + column) * size * cellCount, into: &run)
        for token in rows {
          let element = (head * tokens + token) * dim + column
          guard range.contains(element) else { continue }
          let byteOffset = size * cells[token]
          values.copy(
            run.bytes.extracting(byteOffset..<byteOffset + size),
            at: size * (element - elements.lowerBound))
        }
      }
    }
  }
}

/// Conversions between rows of bytes and float32 values.
enum LlamaRows {
  static func floats(_ bytes: [UInt8], from dtype: DType) throws -> [Float] {
    let count = bytes.count * 8 / dtype.bitsPerElement
    var buffer = ByteBuffer(byteCount: 4 * count)
    var span = buffer.mutableBytes
    try Kernels.best.convert(
      bytes.rawSpan, from: dtype, to: .f32, elementCount: count, saturating: false, into: &span)
    return span.bytes.floats()
  }

  static func bytes(_ floats: [Float], as dtype: DType) throws -> [UInt8] {
    var buffer = ByteBuffer(byteCount: floats.count * dtype.bitsPerElement / 8)
    var span = buffer.mutableBytes
    try Kernels.best.convert(
      floats.rawSpan, from: .f32, to: dtype, elementCount: floats.count, saturating: false,
      into: &span)
    return span.bytes.array()
  }
}
