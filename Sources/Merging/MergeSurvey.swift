package import Base
import Checkpoints
import Synchronization
import TensorCore

/// Computes the statistics that a merge needs before its first value can be written.
///
/// These are norms and products for slerp, thresholds of trims, and sums of magnitudes for rescaling.
/// It also checks that the values of twins are equal.
struct MergeSurvey {
  let options: MergeOptions
  let engine: Engine

  /// Returns the maximum number of bytes that a worker needs for one of `tensors`.
  static func workerByteCount(_ tensors: [PlannedTensor], seed: UInt64) -> Int {
    tensors.map { tensor in
      let count = tensor.info.grid.largestChunk
      switch tensor.combination {
      case .one, .weightedSum:
        return tensor.twins.isEmpty
          ? 0
          : ([tensor.operands[0]] + tensor.twins).map {
            $0.tensor.info.byteCount(ofTile: count)
              + $0.tensor.source.scratchByteCount(elementCount: count)
          }.max()! * 2
      case .slerp:
        let reading = DeltaReading(tensor, seed: seed)
        return reading.byteCount(
          piece: reading.largestPiece(elementCount: count, inRows: false), inRows: false)
      case .taskVectors: return TrimSurvey.workerByteCount(tensor, seed: seed)
      }
    }.max() ?? 0
  }

  /// Returns the number of bytes of counters and candidates that all workers share.
  static func fixedByteCount(_ tensors: [PlannedTensor]) -> Int {
    tensors.map { TrimSurvey.fixedByteCount($0) }.max() ?? 0
  }

  /// Returns the number of times that the survey reads the values of a tensor.
  static func passCount(_ tensor: PlannedTensor) -> Int {
    switch tensor.combination {
    case .one, .weightedSum: tensor.twins.isEmpty ? 0 : 1
    case .slerp: 1
    case .taskVectors(let vectors):
      rankPassCount(tensor) + (vectors.sumsMagnitudes ? 1 : 0) + (vectors.electsPlainly ? 1 : 0)
    }
  }

  /// Returns the number of times that the search for bounds reads the values of a tensor at most, if up to four models
  /// are trimmed.
  static func rankPassCount(_ tensor: PlannedTensor) -> Int {
    guard case .taskVectors(let vectors) = tensor.combination else { return 0 }
    return vectors.vectors.contains { $0.trim.needsRanks } ? 3 : 0
  }

  /// Returns the final combination of each tensor; nil for tensors that are copied.
  /// - Parameter keeps: Returns the values of a trimmed tensor to keep, if they are known already.
  func settled(
    _ tensors: [PlannedTensor],
    keeping keeps: ((PlannedTensor) -> [SettledCombination.Keep])? = nil
  ) throws -> [SettledCombination?] {
    var results = [SettledCombination?](repeating: nil, count: tensors.count)
    var trimmed: [Int] = []
    for (index, tensor) in tensors.enumerated() {
      if !tensor.twins.isEmpty { try checkTwins(of: tensor) }
      guard !tensor.isCopied else { continue }
      switch tensor.combination {
      case .one(let scale):
        results[index] = .weightedSum(weights: [Float(scale ?? 1)], divisor: 1)
      case .weightedSum(let weights, let normalizes):
        results[index] = .weightedSum(
          weights: weights.map { Float($0) },
          divisor: normalizes ? Float(weights.reduce(0, +)) : 1)
      case .slerp(let t): results[index] = try slerp(tensor, t: t)
      case .taskVectors: trimmed.append(index)
      }
    }
    let survey = TrimSurvey(options: options, engine: engine)
    let settled = try survey.settled(
      trimmed.map { tensors[$0] },
      keeping: keeps.map { keeps in trimmed.map { keeps(tensors[$0]) } })
    for (index, combination) in zip(trimmed, settled) { results[index] = combination }
    return results
  }

  // MARK: Slerp

  /// Norms below this count as 1.
  private static let minimumNorm = 1e-8
  /// The magnitude of the cosine above which two vectors are interpolated linearly.
  private static let collinear = 0.9995

  private func slerp(_ tensor: PlannedTensor, t: Double) throws -> SettledCombination {
    let pair = try pair(tensor)
    func length(_ squares: Double) -> Double {
      let norm = squares.squareRoot()
      return norm > Self.minimumNorm ? norm : 1
    }
    let cosine = min(
      1, max(-1, pair.product / (length(pair.squares) * length(pair.otherSquares))))
    guard abs(cosine) <= Self.collinear else {
      return .weightedSum(weights: [Float(1 - t), Float(t)], divisor: 1)
    }
    let (first, second) = Elementary.slerp(cosine: cosine, t: t)
    return .weightedSum(weights: [Float(first), Float(second)], divisor: 1)
  }

  private func pair(_ tensor: PlannedTensor) throws -> Kernels.PairSums {
    let grid = tensor.info.grid
    let (first, second) = (tensor.operands[0], tensor.operands[1])
    let reading = DeltaReading(tensor, seed: options.seed)
    let total = Mutex(Kernels.PairSums())
    let turnstile = Turnstile()
    let piece = reading.largestPiece(elementCount: grid.largestChunk, inRows: false)
    try engine.forEachPiece(
      count: grid.count, workspaceByteCount: reading.byteCount(piece: piece, inRows: false),
      onFailure: turnstile.abandon
    ) { chunk, workspace in
      var pair = Kernels.PairSums()
      for piece in reading.pieces(of: grid[chunk], inRows: false) {
        let layout = reading.workspace(piece: piece.count, models: 1, inRows: false)
        try layout.withSpans(of: &workspace) { a, b, scratch in
          try first.read(piece, into: &a, scratch: &scratch)
          try second.read(piece, into: &b, scratch: &scratch)
          Kernels.best.compare(a.bytes, b.bytes, into: &pair)
        }
      }
      let found = pair
      try turnstile.pass(chunk) { total.withLock { $0.merge(found) } }
      engine.progress.advance(byteCount: tensor.byteCount(ofChunk: chunk))
    }
    return total.withLock { $0 }
  }

  // MARK: Twins

  private func checkTwins(of tensor: PlannedTensor) throws {
    let grid = tensor.info.grid
    let first = tensor.operands[0]
    let size = tensor.info.byteCount(ofTile: grid.largestChunk)
    let scratch = ([first] + tensor.twins).map {
      $0.tensor.source.scratchByteCount(elementCount: grid.largestChunk)
    }.max()!
    try engine.forEachPiece(count: grid.count, workspaceByteCount: 2 * size + scratch) {
      chunk, workspace in
      let elements = grid[chunk]
      let byteCount = tensor.info.byteCount(ofTile: elements.count)
      try workspace.split(at: byteCount) { values, rest in
        try rest.split(at: byteCount) { others, scratch in
          try first.tensor.source.read(elements, into: &values, scratch: &scratch)
          for twin in tensor.twins {
            try twin.tensor.source.read(elements, into: &others, scratch: &scratch)
            guard !values.bytes.elementsEqual(others.bytes) else { continue }
            throw FormatError(
              .unmergeable,
              "is \(tensor.info.dtype.name), which is copied only if all models have the same values; "
                + "\(twin.path.printable) has different ones",
              path: first.path, tensor: tensor.info.name,
              hint:
                "copy it from one model with \(setting: "exclude") '\(tensor.info.name.printable)'")
          }
        }
      }
      engine.progress.advance(byteCount: tensor.byteCount(ofChunk: chunk))
    }
  }
}

extension DeltaReading {
  /// Creates a reading of the operands of a tensor; the first operand is the base.
  init(_ tensor: PlannedTensor, seed: UInt64) {
    self.init(
      name: tensor.info.name, shape: tensor.info.shape, base: tensor.operands[0],
      models: Array(tensor.operands.dropFirst()), seed: seed)
  }
}

extension TaskVectors {
  var isRanked: Bool {
    vectors.contains { if case .ranked = $0.trim { true } else { false } }
  }

  /// True if the sums of magnitudes before and after trimming are needed.
  var sumsMagnitudes: Bool {
    rescales && vectors.contains { $0.trim != .all && $0.trim != .nothing }
  }
}

extension TensorInfo {
  /// Returns the number of bytes of `elementCount` elements, which must fill whole bytes.
  func byteCount(ofTile elementCount: Int) -> Int { dtype.byteCount(of: elementCount) ?? 0 }
}

extension PlannedTensor {
  /// Returns the number of bytes of all operands of a chunk of the output.
  func byteCount(ofChunk chunk: Int) -> Int {
    let count = info.grid[chunk].count
    return (operands + twins).reduce(0) { $0 + $1.tensor.info.byteCount(ofTile: count) }
  }
}

extension FormatError.Code {
  package static let unmergeable = FormatError.Code(
    "merge.values",
    meaning: "Values that must be equal in all models differ.",
    remedy: "Copy the tensor from one model.")
}
