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

  /// The tokens of one entry of a batch that are read at once.
  private struct Tile {
    let item: Int
    let tokens: Range<Int>

    init(_ number: Int, _ shape: GearShape) {
      let length = tileTokenCount(shape)
      let count = TokenSurvey.tileCount(shape)
      item = number / count
      let first = number % count * length
      tokens = first..<min(first + length, shape.tokens)
    }
  }

  private static func tileCount(_ shape: GearShape) -> Int {
    let length = tileTokenCount(shape)
    return (shape.tokens + length - 1) / length
  }

  /// Returns the layout of a worker's memory for a tile of tokens: the values of all heads, those of one head, the
  /// mask of outliers, and scratch memory.
  private static func layout(
    _ shape: GearShape, _ tensor: LazyTensor, tokens: Int
  ) -> WorkspaceLayout {
    let piece = tokens * shape.dim
    return WorkspaceLayout(
      FloatReader.byteCount(elementCount: tokens * shape.width),
      FloatReader.byteCount(elementCount: piece),
      Kernels.maskByteCount(elementCount: tokens * shape.width),
      scratch: [
        FloatReader(tensor).scratchByteCount(elementCount: piece),
        Kernels.extremesScratchByteCount(rows: tokens, columns: shape.width, alongColumns: false),
        Kernels.maskByteCount(elementCount: piece), pairLayout(shape, tokens: tokens).byteCount,
      ].max() ?? 0, alignment: 4)
  }

  /// Returns the layout of the memory for the authors' groups: their ranges, and their pairs of scale and zero.
  private static func pairLayout(_ shape: GearShape, tokens: Int) -> WorkspaceLayout {
    let byteCount = 8 * tokens * groupCount(shape)
    return WorkspaceLayout(byteCount, byteCount)
  }

  /// Returns the number of bytes that a worker needs for the survey.
  static func workerByteCount(_ shape: GearShape, _ tensor: LazyTensor) -> Int {
    guard shape.needsTokenSurvey else { return 0 }
    return layout(shape, tensor, tokens: min(tileTokenCount(shape), shape.tokens)).byteCount
  }

  /// The scales and zeros of all groups, while workers find them.
  private struct Pairs {
    var scales: [Float]
    var zeros: [Float]
  }

  /// Reads all heads of each token, unless the shape needs no survey.
  ///
  /// - Parameter masks: Receives a bit for each entry, set for outliers; each slab starts at a byte.
  init(
    _ tensor: LazyTensor, _ shape: GearShape, masks: SharedBytes, engine: Engine
  ) throws {
    self.shape = shape
    guard shape.needsTokenSurvey else { return }
    let groups = Self.groupCount(shape)
    let cellCount = shape.settings.isOfficial ? shape.batch * shape.tokens * groups : 0
    let empty = [Float](repeating: 0, count: cellCount)
    let found = Mutex(Pairs(scales: empty, zeros: empty))
    try engine.forEachPiece(
      count: shape.batch * Self.tileCount(shape),
      workspaceByteCount: Self.workerByteCount(shape, tensor)
    ) { number, workspace in
      let tile = Tile(number, shape)
      let count = tile.tokens.count
      try Self.layout(shape, tensor, tokens: count).withSpans(of: &workspace) {
        rows, floats, mask, rest in
        try Self.read(tile, of: tensor, shape, into: &rows, floats: &floats, scratch: &rest)
        mask.fill()
        Kernels.best.markExtremes(
          shape.extremeCount, of: rows.bytes, rows: count, columns: shape.width,
          alongColumns: false, in: &mask, scratch: &rest)
        if shape.extremeCount > 0 {
          Self.put(mask.bytes, of: tile, shape, into: masks, scratch: &rest)
        }
        guard shape.settings.isOfficial else { return }
        let means = Self.means(rows.bytes, tokens: count, width: shape.width)
        Self.fill(&rows, at: mask.bytes, with: means, width: shape.width)
        let pairs = Self.groupPairs(rows.bytes, tokens: count, shape, scratch: &rest)
        let first = (tile.item * shape.tokens + tile.tokens.lowerBound) * groups
        found.withLock {
          $0.scales.replaceSubrange(first..<first + count * groups, with: pairs.scales)
          $0.zeros.replaceSubrange(first..<first + count * groups, with: pairs.zeros)
        }
      }
      engine.progress.advance(
        byteCount: shape.info.dtype.byteCount(of: count * shape.width) ?? 0)
    }
    (scales, zeros) = found.withLock { ($0.scales, $0.zeros) }
  }

  /// Reads the values of a tile, [tokens, heads · dim].
  ///
  /// - Parameter floats: Memory for the values of one head.
  @_lifetime(rows: copy rows)
  @_lifetime(floats: copy floats)
  @_lifetime(scratch: copy scratch)
  private static func read(
    _ tile: Tile, of tensor: LazyTensor, _ shape: GearShape, into rows: inout MutableRawSpan,
    floats: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let count = tile.tokens.count
    for head in 0..<shape.heads {
      let slab = (tile.item * shape.heads + head) * shape.tokens
      let start = (slab + tile.tokens.lowerBound) * shape.dim
      try FloatReader(tensor).read(
        start..<start + count * shape.dim, into: &floats, scratch: &scratch)
      copy(floats.bytes, tokens: count, head: head, shape, into: &rows)
    }
  }

  /// Copies the mask of a tile to the masks of its slabs.
  @_lifetime(scratch: copy scratch)
  private static func put(
    _ bits: borrowing RawSpan, of tile: Tile, _ shape: GearShape, into masks: SharedBytes,
    scratch: inout MutableRawSpan
  ) {
    let count = tile.tokens.count
    for head in 0..<shape.heads {
      let slab = tile.item * shape.heads + head
      copyMask(bits, tokens: count, head: head, shape, into: &scratch)
      masks.put(
        scratch.bytes.extracting(0..<Kernels.maskByteCount(elementCount: count * shape.dim)),
        at: slab * maskByteCount(shape) + tile.tokens.lowerBound * shape.dim / 8)
    }
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
    return pairLayout(shape, tokens: tokens).withSpans(of: &scratch) { ranges, pairs, _ in
      Kernels.best.groupRanges(rows, grouping, into: &ranges)
      Kernels.best.rangePairs(ranges.bytes, steps: shape.steps, dtype: .f32, into: &pairs)
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
