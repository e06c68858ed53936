import Base
import Checkpoints
import TensorCore

/// Reads a base and the differences of the models from it in pieces that fit into the second-level cache.
struct DeltaReading: Sendable {
  /// The number of elements in a piece if all operands are stored uncompressed in files.
  static let pieceElementCount = 1 << 15

  let name: String
  let shape: Shape
  let base: Operand
  let models: [Operand]
  let seed: UInt64

  /// The length of the rows that are ranked; 1 for a tensor without values, whose rows may have any length.
  private var columnCount: Int { shape.elementCount == 0 ? 1 : shape.columnCount }

  /// Returns the parts of a range that are read at once.
  ///
  /// If rows are ranked (`inRows`), pieces are whole rows; they may begin before the range and end after it.
  func pieces(of elements: Range<Int>, inRows: Bool) -> [Range<Int>] {
    guard !elements.isEmpty else { return [] }
    var pieces: [Range<Int>] = []
    if inRows {
      let columns = columnCount
      let first = elements.lowerBound / columns
      let last = (elements.upperBound - 1) / columns
      let step = max(1, Self.pieceElementCount / columns)
      for row in stride(from: first, through: last, by: step) {
        pieces.append(row * columns..<min(last + 1, row + step) * columns)
      }
      return pieces
    }
    guard ([base] + models).allSatisfy(\.readsAnyRange) else { return [elements] }
    for start in stride(
      from: elements.lowerBound, to: elements.upperBound, by: Self.pieceElementCount)
    {
      pieces.append(start..<min(elements.upperBound, start + Self.pieceElementCount))
    }
    return pieces
  }

  /// Returns the maximum number of elements in a piece of a range of up to `elementCount` elements.
  func largestPiece(elementCount: Int, inRows: Bool) -> Int {
    if inRows {
      let columns = columnCount
      return max(columns, min(Self.pieceElementCount, elementCount + 2 * columns))
    }
    return ([base] + models).allSatisfy(\.readsAnyRange)
      ? min(elementCount, Self.pieceElementCount) : elementCount
  }

  /// Returns the memory layout of a piece: the values of the base, the values of `count` models one after the
  /// other, and scratch memory to read them and to trim them by rank.
  func workspace(piece: Int, models count: Int, inRows: Bool) -> WorkspaceLayout {
    let scratch = ([base] + models).map { $0.scratchByteCount(elementCount: piece) }.max() ?? 0
    let ranks = inRows ? Kernels.rankScratchByteCount(columns: columnCount) : 0
    let floats = FloatReader.byteCount(elementCount: piece)
    return WorkspaceLayout(floats, floats * count, scratch: max(scratch, ranks))
  }

  /// Returns the number of bytes that `withPiece` needs for a piece of all models.
  func byteCount(piece: Int, inRows: Bool) -> Int {
    workspace(piece: piece, models: models.count, inRows: inRows).byteCount
  }

  /// Reads a piece, and calls `body` with the values of the base, the differences of `models` one after the
  /// other, and the rest of the workspace.
  @_lifetime(workspace: copy workspace)
  func withPiece<Result>(
    _ piece: Range<Int>, of models: [Int], workspace: inout MutableRawSpan,
    _ body: (inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan) throws -> Result
  ) throws -> Result {
    let size = FloatReader.byteCount(elementCount: piece.count)
    // A caller that trims by rank includes the memory for ranks in the workspace.
    let layout = self.workspace(piece: piece.count, models: models.count, inRows: false)
    return try layout.withSpans(of: &workspace) { base, deltas, scratch in
      try self.base.read(piece, into: &base, scratch: &scratch)
      for (index, model) in models.enumerated() {
        var delta = deltas._mutatingExtracting(size * index..<size * (index + 1))
        try self.models[model].read(piece, into: &delta, scratch: &scratch)
        Kernels.best.subtract(base.bytes, from: &delta)
      }
      return try body(&base, &deltas, &scratch)
    }
  }

  /// Sets the values of a difference that are not kept to 0.
  @_lifetime(delta: copy delta)
  @_lifetime(scratch: copy scratch)
  func apply(
    _ keep: SettledCombination.Keep, model: Int, _ piece: Range<Int>,
    _ delta: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) {
    // Each model has its own stream of the tensor's random numbers.
    let stream = UInt64(model)
    switch keep {
    case .all: return
    case .nothing: delta.fill()
    case .range(let range):
      Kernels.best.keep(
        &delta, low: range.low, lowEnd: max(0, range.lowEnd - piece.lowerBound),
        high: range.high, highEnd: max(0, range.highEnd - piece.lowerBound))
    case .random(let density):
      Kernels.best.keepRandomly(
        &delta, share: density, key: ElementRandom(tensorName: name, seed: seed).key,
        start: piece.lowerBound, stream: stream)
    case .ranked(let chances):
      Kernels.best.keepByRank(
        &delta, columns: columnCount, chances: chances,
        key: ElementRandom(tensorName: name, seed: seed).key, start: piece.lowerBound,
        stream: stream, scratch: &scratch)
    }
  }
}

extension SettledCombination.Keep {
  var isRanked: Bool { if case .ranked = self { true } else { false } }
}
