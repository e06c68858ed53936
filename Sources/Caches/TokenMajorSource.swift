import Base
package import Checkpoints
import TensorCore

/// Keys or values [1, kv heads, tokens, head dim], rearranged to [tokens, kv heads · head dim].
package struct TokenMajorSource: TensorSource {
  private let base: LazyTensor
  private let heads: Int
  private let tokens: Int
  private let dim: Int

  package init(_ base: LazyTensor) {
    self.base = base
    let dimensions = base.info.shape.dimensions
    (heads, tokens, dim) = (dimensions[1], dimensions[2], dimensions[3])
  }

  private var width: Int { base.info.dtype.bitsPerElement / 8 }

  package func scratchByteCount(elementCount: Int) -> Int {
    let count = (elementCount / (heads * dim) + 2) * dim
    return width * count + base.source.scratchByteCount(elementCount: count)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    let row = heads * dim
    let (first, last) = (elements.lowerBound / row, (elements.upperBound - 1) / row)
    let count = (last - first + 1) * dim
    for head in 0..<heads {
      try scratch.split(at: width * count) { piece, rest in
        let start = (head * tokens + first) * dim
        try base.source.read(start..<start + count, into: &piece, scratch: &rest)
        for token in first...last {
          let target = (token * row + head * dim..<token * row + (head + 1) * dim)
            .clamped(to: elements)
          guard !target.isEmpty else { continue }
          let index = (token - first) * dim + target.lowerBound - token * row - head * dim
          values.copy(
            piece.bytes.extracting(width * index..<width * (index + target.count)),
            at: width * (target.lowerBound - elements.lowerBound))
        }
      }
    }
  }
}
