import Base
import Checkpoints
import Synchronization
import TensorCore

/// The differences between the values of tensors, measured in one pass over both.
struct ErrorSurvey {
  /// The tensors whose values differ by more than the tolerance, in the order of the pairs.
  let differences: [Comparison.Difference]
  /// The tensors of floats with different values, within the tolerance or not.
  let losses: [TensorLoss]

  /// The first element whose bits differ, the loss of floats, and the numeric error if it was requested.
  private struct Error {
    var firstDifference: Int?
    var loss = ValueLoss()
    var largest = 0.0
    var squareSum = 0.0
    /// The number of values that are NaN on one side only.
    var unlikeNaNs = 0

    mutating func merge(_ next: Error) {
      firstDifference = firstDifference ?? next.firstDifference
      loss.add(next.loss)
      largest = max(largest, next.largest)
      squareSum += next.squareSum
      unlikeNaNs += next.unlikeNaNs
    }
  }

  static func workspaceByteCount(_ pairs: [Pairing.Pair]) -> Int {
    pairs.map { pair in
      Engine.workspaceByteCount(of: [pair.tensor], extra: { _ in scratchByteCount(pair) })
    }.max() ?? 0
  }

  private static func scratchByteCount(_ pair: Pairing.Pair) -> Int {
    layout(pair, elementCount: pair.tensor.info.grid.largestChunk).byteCount
  }

  /// Returns the layout of the scratch memory: the original's values, and memory to read or to measure them.
  private static func layout(_ pair: Pairing.Pair, elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      (elementCount * pair.original.info.dtype.bitsPerElement + 7) / 8,
      scratch: max(
        pair.original.source.scratchByteCount(elementCount: elementCount),
        wideLayout(elementCount: elementCount).byteCount))
  }

  /// Returns the layout of the memory to measure errors: the values and those of the original, in float64.
  private static func wideLayout(elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(8 * elementCount, 8 * elementCount)
  }

  init(
    _ pairs: [Pairing.Pair], tolerance: Comparison.Tolerance, engine: Engine
  ) throws {
    let errors = Mutex(pairs.map { _ in Error() })
    let turnstile = Turnstile()
    try engine.forEachTile(
      of: pairs.map(\.tensor), workspaceByteCount: Self.workspaceByteCount(pairs),
      onFailure: turnstile.abandon
    ) { number, tile, values, scratch in
      let error = try Self.measure(
        pairs[tile.tensor], tile.elements, values, tolerance: tolerance, scratch: &scratch)
      try turnstile.pass(number) { errors.withLock { $0[tile.tensor].merge(error) } }
    }
    let found = errors.withLock { $0 }
    differences = zip(pairs, found).compactMap { pair, error in
      Self.difference(of: pair, error, tolerance)
    }
    losses = zip(pairs, found).compactMap { pair, error in
      guard !error.loss.isNone else { return nil }
      let info = pair.tensor.info
      return TensorLoss(name: info.name, elementCount: info.elementCount, loss: error.loss)
    }.sorted { $0.name.precedesAsBytes($1.name) }
  }

  @_lifetime(scratch: copy scratch)
  private static func measure(
    _ pair: Pairing.Pair, _ elements: Range<Int>, _ values: borrowing RawSpan,
    tolerance: Comparison.Tolerance, scratch: inout MutableRawSpan
  ) throws -> Error {
    let (dtype, originalDType) = (pair.tensor.info.dtype, pair.original.info.dtype)
    let count = elements.count
    return try layout(pair, elementCount: count).withSpans(of: &scratch) { wanted, rest in
      try pair.original.source.read(elements, into: &wanted, scratch: &rest)
      var error = Error()
      if dtype == originalDType {
        guard let byteOffset = values.firstDifference(from: wanted.bytes) else { return error }
        error.firstDifference = elements.lowerBound + byteOffset * 8 / dtype.bitsPerElement
      }
      if dtype.isFloat, originalDType.isFloat {
        Kernels.best.addLoss(
          of: wanted.bytes, originalDType, in: values, dtype, elementCount: count, to: &error.loss)
      }
      // Complex numbers have no order, so they are only tested for equality.
      guard !tolerance.isExact, dtype != .c64 else { return error }
      try wideLayout(elementCount: count).withSpans(of: &rest) { found, expected, _ in
        let kernels = Kernels.best
        try kernels.convert(
          values, from: dtype, to: .f64, elementCount: count, saturating: false, into: &found)
        try kernels.convert(
          wanted.bytes, from: originalDType, to: .f64, elementCount: count, saturating: false,
          into: &expected)
        accumulate(found.bytes, expected.bytes, count: count, into: &error)
      }
      return error
    }
  }

  private static func accumulate(
    _ found: borrowing RawSpan, _ expected: borrowing RawSpan, count: Int, into error: inout Error
  ) {
    for index in 0..<count {
      let a = Double(bitPattern: found.littleEndian(UInt64.self, at: 8 * index)!)
      let b = Double(bitPattern: expected.littleEndian(UInt64.self, at: 8 * index)!)
      if a.isNaN || b.isNaN {
        error.unlikeNaNs += a.isNaN == b.isNaN ? 0 : 1
      } else if a != b {
        let distance = (a - b).magnitude
        error.largest = max(error.largest, distance)
        error.squareSum += distance * distance
      }
    }
  }

  private static func difference(
    of pair: Pairing.Pair, _ error: Error, _ tolerance: Comparison.Tolerance
  ) -> Comparison.Difference? {
    func difference(_ detail: String) -> Comparison.Difference {
      Comparison.Difference(
        name: pair.tensor.name, kind: .values, detail: detail,
        relativeError: error.loss.isNone ? nil : error.loss.relative)
    }
    guard !tolerance.isExact, pair.tensor.info.dtype != .c64 else {
      return error.firstDifference.map { difference("first at element \($0)") }
    }
    if error.unlikeNaNs > 0 { return difference("\(error.unlikeNaNs) values are NaN on one side") }
    if let limit = tolerance.largestError, !(error.largest <= limit) {
      return difference("largest error \(error.largest), allowed \(limit)")
    }
    let count = max(1, pair.tensor.info.elementCount)
    let rootMeanSquare = (error.squareSum / Double(count)).squareRoot()
    if let limit = tolerance.rootMeanSquare, !(rootMeanSquare <= limit) {
      return difference("root mean square error \(rootMeanSquare), allowed \(limit)")
    }
    return nil
  }
}
