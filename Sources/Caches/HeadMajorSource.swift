import Base
import Checkpoints
import TensorCore

/// Keys or values [1, kv heads, tokens, head dim], read from a tensor with tokens before heads.
struct HeadMajorSource: TensorSource {
  /// The order of keys or values in the base. Offsets and strides count values.
  struct Arrangement: Sendable {
    var heads: Int
    var tokens: Int
    var dim: Int
    /// The index of the first value.
    var offset: Int
    /// The distance from a token to the next.
    var tokenStride: Int
    /// The distance from a head to the next.
    var headStride: Int
  }

  private let info: TensorInfo
  private let base: LazyTensor
  private let arrangement: Arrangement

  private var heads: Int { arrangement.heads }
  private var tokens: Int { arrangement.tokens }
  private var dim: Int { arrangement.dim }
  private var offset: Int { arrangement.offset }
  private var tokenStride: Int { arrangement.tokenStride }
  private var headStride: Int { arrangement.headStride }

  /// Returns the tensor of the values that `base` contains in the given arrangement.
  /// - Throws: An error if values are not whole bytes or the shape is too large.
  static func tensor(
    _ name: String, of base: LazyTensor, _ arrangement: Arrangement
  ) throws -> LazyTensor {
    guard base.info.dtype.bitsPerElement % 8 == 0 else {
      throw FormatError(
        .cacheShape,
        "is \(base.info.dtype.name), but keys and values must be floats of whole bytes",
        path: base.stored.file, tensor: base.name)
    }
    let info = try TensorInfo(
      name: name, dtype: base.info.dtype,
      shape: Shape([1, arrangement.heads, arrangement.tokens, arrangement.dim]))
    let source = HeadMajorSource(info: info, base: base, arrangement: arrangement)
    return LazyTensor(info: info, source: source, stored: base.stored)
  }

  /// The number of tokens that are read together.
  private var blockTokenCount: Int {
    max(1, min(tokens, (1 << 18) / max(1, tokenStride)))
  }

  private var width: Int { info.dtype.bitsPerElement / 8 }

  func scratchByteCount(elementCount: Int) -> Int {
    let block = blockTokenCount * tokenStride
    return width * block + base.source.scratchByteCount(elementCount: block)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    let slab = tokens * dim
    let (first, last) = (elements.lowerBound / slab, (elements.upperBound - 1) / slab)
    // A range within one of many heads is a small part of each block; it is read row by row.
    guard last - first + 1 >= 2 || heads <= 4 else {
      return try readPieces(elements, into: &values, scratch: &scratch)
    }
    let size = blockTokenCount
    for start in stride(from: 0, to: tokens, by: size) {
      let block = start..<min(tokens, start + size)
      // The part of the range in this block, per head.
      let parts = (first...last).map { head in
        (
          head: head,
          elements: (head * slab + block.lowerBound * dim..<head * slab + block.upperBound * dim)
            .clamped(to: elements)
        )
      }.filter { !$0.elements.isEmpty }
      guard !parts.isEmpty else { continue }
      let from = offset + block.lowerBound * tokenStride
      let end = min(
        base.info.elementCount,
        offset + (block.upperBound - 1) * tokenStride + (heads - 1) * headStride + dim)
      try scratch.split(at: width * (end - from)) { rows, rest in
        try base.source.read(from..<end, into: &rows, scratch: &rest)
        for part in parts {
          for piece in pieces(of: part.elements) {
            let index = baseIndex(of: piece.lowerBound) - from
            values.copy(
              rows.bytes.extracting(width * index..<width * (index + piece.count)),
              at: width * (piece.lowerBound - elements.lowerBound))
          }
        }
      }
    }
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func readPieces(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    for piece in pieces(of: elements) {
      let start = width * (piece.lowerBound - elements.lowerBound)
      var target = values._mutatingExtracting(start..<start + width * piece.count)
      let index = baseIndex(of: piece.lowerBound)
      try base.source.read(index..<index + piece.count, into: &target, scratch: &scratch)
    }
  }

  /// Returns the index of a value in the base.
  private func baseIndex(of element: Int) -> Int {
    let (row, column) = (element / dim, element % dim)
    return offset + row % tokens * tokenStride + row / tokens * headStride + column
  }

  /// Splits a range at the ends of rows.
  private func pieces(of elements: Range<Int>) -> [Range<Int>] {
    var pieces: [Range<Int>] = []
    var start = elements.lowerBound
    while start < elements.upperBound {
      let end = min(elements.upperBound, (start / dim + 1) * dim)
      pieces.append(start..<end)
      start = end
    }
    return pieces
  }
}
