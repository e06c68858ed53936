import Base
package import Checkpoints
import TensorCore

/// The tensors of a packed cache that continue other tensors along the tokens.
///
/// `layers.0.key.block.1` follows `layers.0.key`, and `layers.0.key.recent` contains the last tokens.
package struct CacheBlocks: Sendable {
  /// The blocks by the name of the first tensor.
  private var blocks: [String: [(number: Int, tensor: LazyTensor)]] = [:]

  package static let recentSuffix = ".recent"
  private static let blockLimit = 1 << 32

  /// Returns the name of a block of the tensor `first`.
  package static func name(_ first: String, block: Int) -> String {
    block == 0 ? first : "\(first).block.\(block)"
  }

  /// Removes the blocks from `tensors` and keeps them.
  init(_ tensors: inout [LazyTensor]) {
    var rest: [LazyTensor] = []
    for tensor in tensors {
      guard let (first, number) = Self.block(named: tensor.name) else {
        rest.append(tensor)
        continue
      }
      blocks[first, default: []].append((number, tensor))
    }
    for first in blocks.keys { blocks[first]?.sort { $0.number < $1.number } }
    tensors = rest
  }

  /// Returns the name of the first block and the number of this block, which is `Int.max` for recent tokens.
  /// - Returns: Nil if the name is not that of a later block.
  package static func block(named name: String) -> (first: String, number: Int)? {
    if name.hasSuffix(recentSuffix) {
      return (String(name.dropLast(recentSuffix.count)), .max)
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 2, parts[parts.count - 2] == "block", let number = Int(parts.last ?? ""),
      1..<Self.blockLimit ~= number
    else { return nil }
    return (parts.dropLast(2).joined(separator: "."), number)
  }

  /// Returns the tensor joined with its later blocks.
  func joined(_ tensor: LazyTensor, path: String) throws -> LazyTensor {
    guard let more = blocks[tensor.name], !more.isEmpty else { return tensor }
    for (index, block) in more.enumerated()
    where block.number != index + 1 && (block.number != .max || index + 1 < more.count) {
      throw FormatError(
        .cacheShape,
        "follows a gap: block \(index + 1) of '\(tensor.name)' is missing or occurs twice",
        path: path, tensor: block.tensor.name)
    }
    return try JoinedTokens.tensor([tensor] + more.map(\.tensor), path: path)
  }
}

/// Tensors [batch, kv heads, tokens, head dim], concatenated along the tokens.
package struct JoinedTokens: TensorSource {
  private let parts: [LazyTensor]
  private let info: TensorInfo
  /// The first token of each part.
  private let starts: [Int]

  /// Returns the parts concatenated.
  /// - Throws: An error if they differ in anything except the number of tokens.
  package static func tensor(_ parts: [LazyTensor], path: String) throws -> LazyTensor {
    let first = parts[0].info
    var tokens = 0
    var starts: [Int] = []
    for part in parts {
      let (dimensions, wanted) = (part.info.shape.dimensions, first.shape.dimensions)
      guard dimensions.count == 4, dimensions[0] == wanted[0], dimensions[1] == wanted[1],
        dimensions[3] == wanted[3], part.info.dtype == first.dtype
      else {
        throw FormatError(
          .cacheShape,
          "is \(part.info.dtype.name) \(part.info.shape), which does not continue "
            + "\(first.dtype.name) \(first.shape)", path: path, tensor: part.name)
      }
      starts.append(tokens)
      tokens += dimensions[2]
    }
    var dimensions = first.shape.dimensions
    dimensions[2] = tokens
    let info = try TensorInfo(name: first.name, dtype: first.dtype, shape: Shape(dimensions))
    let source = JoinedTokens(parts: parts, info: info, starts: starts)
    return LazyTensor(info: info, source: source, stored: parts[0].stored)
  }

  private var tokens: Int { info.shape.dimensions[2] }
  private var dim: Int { info.shape.dimensions[3] }
  private var width: Int { info.dtype.bitsPerElement / 8 }

  package func scratchByteCount(elementCount: Int) -> Int {
    // A part of the range and the gaps between its pieces.
    let count = elementCount + 2 * tokens * dim
    return width * count
      + (parts.map { $0.source.scratchByteCount(elementCount: count) }.max() ?? 0)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    let slab = tokens * dim
    let heads = elements.lowerBound / slab...(elements.upperBound - 1) / slab
    for (part, start) in zip(parts, starts) {
      let count = part.info.shape.dimensions[2]
      // The piece of each head in this part: its range in the whole tensor and its index in the part.
      let pieces = heads.compactMap { head -> (range: Range<Int>, index: Int)? in
        let range = (head * slab + start * dim..<head * slab + (start + count) * dim)
          .clamped(to: elements)
        guard !range.isEmpty else { return nil }
        return (range, head * count * dim + range.lowerBound - head * slab - start * dim)
      }
      guard let first = pieces.first, let last = pieces.last else { continue }
      let from = first.index
      let end = last.index + last.range.count
      try scratch.split(at: width * (end - from)) { found, rest in
        try part.source.read(from..<end, into: &found, scratch: &rest)
        for piece in pieces {
          let byteOffset = width * (piece.index - from)
          values.copy(
            found.bytes.extracting(byteOffset..<byteOffset + width * piece.range.count),
            at: width * (piece.range.lowerBound - elements.lowerBound))
        }
      }
    }
  }
}

/// A range of the tokens of a tensor [batch, kv heads, tokens, head dim].
package struct TokenRange: TensorSource {
  private let base: LazyTensor
  private let range: Range<Int>

  /// Returns the tokens `range` of a tensor, under another name.
  package static func tensor(
    _ base: LazyTensor, _ range: Range<Int>, named name: String
  ) throws -> LazyTensor {
    var dimensions = base.info.shape.dimensions
    guard range != 0..<dimensions[2] else { return base.renamed(name) }
    dimensions[2] = range.count
    let info = try TensorInfo(name: name, dtype: base.info.dtype, shape: Shape(dimensions))
    return LazyTensor(
      info: info, source: TokenRange(base: base, range: range), stored: base.stored)
  }

  package func scratchByteCount(elementCount: Int) -> Int {
    base.source.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let dimensions = base.info.shape.dimensions
    let (tokens, dim) = (dimensions[2], dimensions[3])
    let width = base.info.dtype.bitsPerElement / 8
    let slab = range.count * dim
    var element = elements.lowerBound
    while element < elements.upperBound {
      let (head, column) = (element / slab, element % slab)
      let end = min(elements.upperBound, (head + 1) * slab)
      let from = (head * tokens + range.lowerBound) * dim + column
      let start = width * (element - elements.lowerBound)
      var target = values._mutatingExtracting(start..<start + width * (end - element))
      try base.source.read(from..<from + end - element, into: &target, scratch: &scratch)
      element = end
    }
  }
}
