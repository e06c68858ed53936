import Base
import Checkpoints
import Synchronization
import TensorCore

/// A survey over all heads of each token, which finds the outliers of the values.
///
/// With the authors' method it also finds the scales that heads share.
struct TokenSurvey: Sendable {
  let shape: GearShape
  /// The scales and zeros of the authors' groups, [batch, tokens, groups].
  private(set) var scales: [Float] = []
  private(set) var zeros: [Float] = []

  /// Returns the number of bytes of the mask of a slab.
  static func maskByteCount(_ shape: GearShape) -> Int {
    Kernels.maskByteCount(elementCount: shape.slabElementCount)
  }

  /// Returns the number of the authors' groups of a token.
  private static func groupCount(_ shape: GearShape) -> Int {
    (shape.width + shape.tokenGroup - 1) / shape.tokenGroup
  }

  /// Returns the number of bytes that the result of the survey needs.
  static func fixedByteCount(_ shape: GearShape) -> Int {
    guard shape.needsTokenSurvey else { return 0 }
    return shape.settings.isOfficial ? 8 * shape.batch * shape.tokens * groupCount(shape) : 0
  }

  /// Returns the number of tokens of a tile, a multiple of 8 so that masks fill whole bytes.
  private static func tileTokenCount(_ shape: GearShape) -> Int {
    max(8, (1 << 18) / max(1, shape.width) / 8 * 8)
  }

  /// Returns the number of bytes that a worker needs for the survey.
  static func workerByteCount(_ shape: GearShape, _ tensor: LazyTensor) -> Int {
    guard shape.needsTokenSurvey else { return 0 }
    let tokens = min(tileTokenCount(shape), shape.tokens)
    let piece = tokens * shape.dim
    // The tile, one of its heads as stored and as floats, and ranges and pairs.
    return 4 * tokens * shape.width + 8 * piece + 2 * tokens * ((shape.width + 7) / 8)
      + 16 * tokens * groupCount(shape)
      + max(
        tensor.source.scratchByteCount(elementCount: piece),
        Kernels.extremesScratchByteCount(
          rows: tokens, columns: shape.width, alongColumns: false))
  }

  /// Reads all heads of each token, unless the shape needs no survey.
  ///
  /// - Parameter masks: Receives a bit for each entry, set for outliers; each slab starts at a byte.
  init(
    _ tensor: LazyTensor, _ shape: GearShape, masks: SharedBytes, engine: Engine
  ) throws {
    self.shape = shape
    guard shape.needsTokenSurvey else { return }
    let tileTokens = Self.tileTokenCount(shape)
    let tiles = (shape.tokens + tileTokens - 1) / tileTokens
    let groups = Self.groupCount(shape)
    let official = shape.settings.isOfficial
    struct Found {
      var scales: [Float]
      var zeros: [Float]
    }
    let cellCount = official ? shape.batch * shape.tokens * groups : 0
    let found = Mutex(
      Found(
        scales: [Float](repeating: 0, count: cellCount),
        zeros: [Float](repeating: 0, count: cellCount)))
    try engine.forEachPiece(
      count: shape.batch * tiles, workspaceByteCount: Self.workerByteCount(shape, tensor)
    ) { number, workspace in
      let (item, tile) = (number / tiles, number % tiles)
      let first = tile * tileTokens
      let tokens = min(tileTokens, shape.tokens - first)
      let piece = tokens * shape.dim
      try workspace.split(at: 4 * tokens * shape.width) { rows, rest in
        try rest.split(at: 4 * piece) { floats, rest in
          for head in 0..<shape.heads {
            let start = ((item * shape.heads + head) * shape.tokens + first) * shape.dim
            try FloatReader(tensor).read(start..<start + piece, into: &floats, scratch: &rest)
            Self.copy(
              floats.bytes, tokens: tokens, head: head, shape, into: &rows)
          }
          let bitCount = tokens * shape.width
          var mask = ByteBuffer(byteCount: Kernels.maskByteCount(elementCount: bitCount))
          var bits = mask.mutableBytes
          bits.fill()
          Kernels.best.markExtremes(
            shape.extremeCount, of: rows.bytes, rows: tokens, columns: shape.width,
            alongColumns: false, in: &bits, scratch: &rest)
          if shape.extremeCount > 0 {
            for head in 0..<shape.heads {
              let slab = item * shape.heads + head
              Self.copyMask(bits.bytes, tokens: tokens, head: head, shape, into: &rest)
              masks.put(
                rest.bytes.extracting(0..<Kernels.maskByteCount(elementCount: piece)),
                at: slab * Self.maskByteCount(shape) + first * shape.dim / 8)
            }
          }
          guard official else { return }
          let means = Self.means(rows.bytes, tokens: tokens, width: shape.width)
          Self.fill(&rows, at: bits.bytes, with: means, width: shape.width)
          let pairs = Self.groupPairs(rows.bytes, tokens: tokens, shape, scratch: &rest)
          let cells =
            (item * shape.tokens + first) * groups..<(item * shape.tokens + first + tokens) * groups
          found.withLock {
            $0.scales.replaceSubrange(cells, with: pairs.scales)
            $0.zeros.replaceSubrange(cells, with: pairs.zeros)
          }
        }
      }
      engine.progress.advance(
        byteCount: shape.info.dtype.byteCount(of: tokens * shape.width) ?? 0)
    }
    (scales, zeros) = found.withLock { ($0.scales, $0.zeros) }
  }

  /// Returns the scales of the cells of a slab, followed by their zeros, from groups that span heads.
  func pairs(ofSlab slab: Int) -> [Float] {
    let groups = Self.groupCount(shape)
    let cells = shape.cellsPerStep
    let (item, head) = (slab / shape.heads, slab % shape.heads)
    var result = [Float](repeating: 0, count: 2 * shape.slabCellCount)
    for token in 0..<shape.tokens {
      for cell in 0..<cells {
        let group = (head * shape.dim + cell * shape.group) / shape.tokenGroup
        let from = (item * shape.tokens + token) * groups + group
        result[token * cells + cell] = scales[from]
        result[shape.slabCellCount + token * cells + cell] = zeros[from]
      }
    }
    return result
  }

  // MARK: Rows

  @_lifetime(rows: copy rows)
  private static func copy(
    _ piece: borrowing RawSpan, tokens: Int, head: Int, _ shape: GearShape,
    into rows: inout MutableRawSpan
  ) {
    let size = 4 * shape.dim
    for token in 0..<tokens {
      rows.copy(
        piece.extracting(token * size..<(token + 1) * size),
        at: 4 * (token * shape.width + head * shape.dim))
    }
  }

  /// Copies the mask bits of one head of a tile to the start of `mask`.
  @_lifetime(mask: copy mask)
  private static func copyMask(
    _ bits: borrowing RawSpan, tokens: Int, head: Int, _ shape: GearShape,
    into mask: inout MutableRawSpan
  ) {
    let byteCount = Kernels.maskByteCount(elementCount: tokens * shape.dim)
    var target = mask._mutatingExtracting(0..<byteCount)
    target.fill()
    for token in 0..<tokens {
      let start = token * shape.width + head * shape.dim
      target.copyBits(start..<start + shape.dim, of: bits, to: token * shape.dim)
    }
  }

  /// Returns the scales and zeros of the authors' groups of a tile, [tokens, groups].
  @_lifetime(scratch: copy scratch)
  private static func groupPairs(
    _ rows: borrowing RawSpan, tokens: Int, _ shape: GearShape, scratch: inout MutableRawSpan
  ) -> (scales: [Float], zeros: [Float]) {
    let grouping = Grouping(
      dimensions: [tokens, shape.width], axis: 1, size: shape.tokenGroup, start: 0)
    let cells = tokens * groupCount(shape)
    return scratch.split(at: 8 * cells) { ranges, pairs in
      Kernels.best.groupRanges(rows, grouping, into: &ranges)
      Kernels.best.rangePairs(
        ranges.bytes.extracting(0..<8 * cells), steps: shape.steps, dtype: .f32, into: &pairs)
      return (
        pairs.bytes.extracting(0..<4 * cells).floats(),
        pairs.bytes.extracting(4 * cells..<8 * cells).floats()
      )
    }
  }

  private static func means(_ rows: borrowing RawSpan, tokens: Int, width: Int) -> [Float] {
    (0..<tokens).map { token in
      var sum = 0.0
      for column in 0..<width { sum += Double(rows.float(4 * (token * width + column))) }
      return Float(sum / Double(width))
    }
  }

  /// Replaces each value whose mask bit is set by the mean of its row.
  @_lifetime(rows: copy rows)
  private static func fill(
    _ rows: inout MutableRawSpan, at mask: borrowing RawSpan, with means: [Float], width: Int
  ) {
    for (token, mean) in means.enumerated() {
      for index in token * width..<(token + 1) * width
      where mask.littleEndian(UInt8.self, at: index / 8)! >> UInt8(index % 8) & 1 == 1 {
        rows.storeLittleEndian(mean.bitPattern, at: 4 * index)
      }
    }
  }
}
