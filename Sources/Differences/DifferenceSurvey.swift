import Base
import Checkpoints
import Synchronization
import TensorCore

/// Reads pairs of tensors and measures their differences, in one pass over both.
///
/// A tensor that cannot be read in part does not stop the others. Sums are added in the order of the chunks.
struct DifferenceSurvey {
  /// Two tensors of the same shape.
  struct Pair: Sendable {
    var a: LazyTensor
    var b: LazyTensor
  }

  /// The sums of a tensor, or of one chunk of it.
  struct Outcome: Sendable {
    var sums = ValueDifference()
    var valueCount = 0
    var hasEqualBytes = true
    var faults: [String] = []

    /// The number of faults of a tensor that are kept.
    static let faultLimit = 16

    mutating func add(_ next: Outcome) {
      sums.add(next.sums)
      valueCount += next.valueCount
      hasEqualBytes = hasEqualBytes && next.hasEqualBytes
      for fault in next.faults where faults.count < Self.faultLimit && !faults.contains(fault) {
        faults.append(fault)
      }
    }
  }

  /// Returns true if values of the dtypes can be compared: complex numbers only with each other.
  static func compares(_ a: DType, _ b: DType) -> Bool { (a == .c64) == (b == .c64) }

  static func workspaceByteCount(_ pairs: [Pair]) -> Int {
    pairs.map { layout($0, elementCount: grid($0).largestChunk).byteCount }.max() ?? 0
  }

  /// Returns the chunks in which both tensors are read. Those of a dtype below a byte end on whole bytes of both.
  private static func grid(_ pair: Pair) -> ChunkGrid {
    let (a, b) = (pair.a.info, pair.b.info)
    return b.dtype.bitsPerElement % 8 != 0 && a.dtype.bitsPerElement != 6 ? b.grid : a.grid
  }

  private static func layout(_ pair: Pair, elementCount: Int) -> WorkspaceLayout {
    let isWide = !pair.a.info.dtype.isFloat || !pair.b.info.dtype.isFloat
    return WorkspaceLayout(
      byteCount(elementCount, pair.a.info.dtype), byteCount(elementCount, pair.b.info.dtype),
      scratch: max(
        isWide ? 16 * elementCount : 0,
        pair.a.source.scratchByteCount(elementCount: elementCount),
        pair.b.source.scratchByteCount(elementCount: elementCount)))
  }

  private static func byteCount(_ elementCount: Int, _ dtype: DType) -> Int {
    (elementCount * dtype.bitsPerElement + 7) / 8
  }

  /// Returns the outcome of each pair.
  static func outcomes(of pairs: [Pair], engine: Engine) throws -> [Outcome] {
    let tiles = TileList(pairs.map(grid))
    let outcomes = Mutex(pairs.map { _ in Outcome() })
    let turnstile = Turnstile()
    try engine.forEachPiece(
      count: tiles.count, workspaceByteCount: workspaceByteCount(pairs),
      onFailure: turnstile.abandon
    ) { number, workspace in
      let tile = tiles[number]
      let pair = pairs[tile.tensor]
      let outcome = try layout(pair, elementCount: tile.elements.count).withSpans(of: &workspace) {
        a, b, rest in
        try measure(pair, tile.elements, &a, &b, scratch: &rest)
      }
      try turnstile.pass(number) { outcomes.withLock { $0[tile.tensor].add(outcome) } }
      engine.progress.advance(
        byteCount: byteCount(tile.elements.count, pair.a.info.dtype)
          + byteCount(tile.elements.count, pair.b.info.dtype))
      if tile.chunk == tiles.chunkCount(ofTensor: tile.tensor) - 1 {
        engine.progress.finish(tensor: pair.a.info)
      }
    }
    return outcomes.withLock { $0 }
  }

  @_lifetime(a: copy a)
  @_lifetime(b: copy b)
  @_lifetime(scratch: copy scratch)
  private static func measure(
    _ pair: Pair, _ elements: Range<Int>, _ a: inout MutableRawSpan, _ b: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws -> Outcome {
    var outcome = Outcome()
    func read(
      _ tensor: LazyTensor, _ values: inout MutableRawSpan, _ scratch: inout MutableRawSpan
    ) throws {
      do { try tensor.source.read(elements, into: &values, scratch: &scratch) } catch let fault
        as FormatError
      {
        outcome.faults.append(fault.message.text(.plain))
      }
    }
    try read(pair.a, &a, &scratch)
    try read(pair.b, &b, &scratch)
    guard outcome.faults.isEmpty else { return outcome }
    let (from, to) = (pair.a.info.dtype, pair.b.info.dtype)
    outcome.hasEqualBytes = from == to && a.bytes.firstDifference(from: b.bytes) == nil
    outcome.valueCount = elements.count
    let kernels = Kernels.best
    if from.isFloat, to.isFloat {
      kernels.addDifference(
        of: a.bytes, from, and: b.bytes, to, elementCount: elements.count, to: &outcome.sums)
    } else if from == .c64 {
      kernels.addDifference(
        of: a.bytes, .f32, and: b.bytes, .f32, elementCount: 2 * elements.count, to: &outcome.sums)
      outcome.valueCount *= 2
    } else {
      let wide = WorkspaceLayout(8 * elements.count, 8 * elements.count)
      try wide.withSpans(of: &scratch) { x, y, _ in
        try kernels.convert(
          a.bytes, from: from, to: .f64, elementCount: elements.count, saturating: false, into: &x)
        try kernels.convert(
          b.bytes, from: to, to: .f64, elementCount: elements.count, saturating: false, into: &y)
        kernels.addDifference(
          of: x.bytes, .f64, and: y.bytes, .f64, elementCount: elements.count, to: &outcome.sums)
      }
    }
    return outcome
  }
}
