import Base
import Checkpoints
import Synchronization
import TensorCore

/// Finds the values of each difference that are kept, and the sums of magnitudes before and after trimming.
///
/// It finds thresholds by counting the digits of magnitudes instead of sorting.
struct TrimSurvey {
  let options: MergeOptions
  let engine: Engine

  /// Returns the number of bytes that a worker needs to survey a tensor.
  static func workerByteCount(_ tensor: PlannedTensor, seed: UInt64) -> Int {
    let reading = DeltaReading(tensor, seed: seed)
    let isRanked = tensor.vectors?.isRanked == true
    let piece = reading.largestPiece(
      elementCount: tensor.info.grid.largestChunk, inRows: isRanked)
    let isSmall = tensor.info.elementCount <= smallLimit
    return max(
      reading.byteCount(piece: piece, inRows: isRanked)
        + TrimBounds.groupSize * TrimBounds.counterByteCount,
      isSmall ? smallByteCount(tensor, seed: seed) : 0)
  }

  /// Returns the number of bytes of counters, ties and candidates that all workers share.
  static func fixedByteCount(_ tensor: PlannedTensor) -> Int {
    let models = tensor.vectors?.vectors.count ?? 0
    return 4 * TrimBounds.counterByteCount * models + 48 * models * tensor.info.grid.count
      + min(TrimBounds.candidateByteCount, 24 * tensor.info.elementCount * models)
  }

  /// The maximum element count of a tensor that is surveyed in one pass, several tensors at a time.
  private static let smallLimit = 1 << 16

  /// Returns the final combinations of tensors whose planned combination is `.taskVectors`.
  /// - Parameter known: The values of each tensor to keep, if they are known already.
  func settled(
    _ tensors: [PlannedTensor], keeping known: [[SettledCombination.Keep]]? = nil
  ) throws -> [SettledCombination] {
    var results = [SettledCombination?](repeating: nil, count: tensors.count)
    var keeps: [[SettledCombination.Keep]] = []
    if let known {
      keeps = known
    } else if options.scope == .global {
      // Among equal magnitudes, those of the tensors with the first names are kept.
      let order = tensors.indices.sorted {
        tensors[$0].info.name.precedesAsBytes(tensors[$1].info.name)
      }
      let found = try TrimBounds(
        order.map { tensors[$0] }, seed: options.seed, engine: engine
      ).keeps()
      keeps = Array(repeating: [], count: tensors.count)
      for (index, keep) in zip(order, found) { keeps[index] = keep }
    } else {
      let isSmall = tensors.map { $0.info.elementCount <= Self.smallLimit }
      let small = tensors.indices.filter { isSmall[$0] && tensors[$0].needsSurvey }
      let found = Mutex(results)
      try engine.forEachPiece(
        count: small.count,
        workspaceByteCount: small.map { Self.smallByteCount(tensors[$0], seed: options.seed) }.max()
          ?? 0
      ) { piece, workspace in
        let tensor = tensors[small[piece]]
        let settled = try self.settledSmall(tensor, &workspace)
        found.withLock { $0[small[piece]] = settled }
        for chunk in 0..<tensor.info.grid.count {
          engine.progress.advance(
            byteCount: MergeSurvey.passCount(tensor) * tensor.byteCount(ofChunk: chunk))
        }
      }
      results = found.withLock { $0 }
      keeps = try tensors.indices.map { index in
        guard results[index] == nil, tensors[index].needsSurvey else {
          return tensors[index].keepsWithoutRanks
        }
        return try TrimBounds([tensors[index]], seed: options.seed, engine: engine).keeps()[0]
      }
    }
    let zeroIsNegative = try zeroIsNegative(tensors, keeps)
    return try tensors.indices.map { index in
      if let result = results[index] { return result }
      let tensor = tensors[index]
      let factors = try factors(of: tensor, keeps[index])
      return tensor.settled(keeps[index], factors: factors, zeroIsNegative: zeroIsNegative)
    }
  }

  // MARK: Sums of magnitudes

  /// The minimum sum of magnitudes for which a factor other than 1 is computed.
  private static let minimumSum = 1e-7

  private static func factor(before: Double, after: Double) -> Float {
    before < minimumSum || after < minimumSum ? 1 : Float(before / after)
  }

  private func factors(
    of tensor: PlannedTensor, _ keeps: [SettledCombination.Keep]
  ) throws -> [Float] {
    let ones = keeps.map { _ in Float(1) }
    guard case .taskVectors(let vectors) = tensor.combination, vectors.sumsMagnitudes else {
      return ones
    }
    let reading = DeltaReading(tensor, seed: options.seed)
    let grid = tensor.info.grid
    let isInRows = keeps.contains(where: \.isRanked)
    let piece = reading.largestPiece(elementCount: grid.largestChunk, inRows: isInRows)
    let sums = Mutex([[(before: Double, after: Double)]](repeating: [], count: grid.count))
    try engine.forEachPiece(
      count: grid.count, workspaceByteCount: reading.byteCount(piece: piece, inRows: isInRows)
    ) { chunk, workspace in
      var found = keeps.map { _ in (before: 0.0, after: 0.0) }
      let elements = grid[chunk]
      for piece in reading.pieces(of: elements, inRows: isInRows) {
        let wanted = piece.clamped(to: elements)
        let bytes =
          4 * (wanted.lowerBound - piece.lowerBound)..<4 * (wanted.upperBound - piece.lowerBound)
        try reading.withPiece(piece, of: Array(keeps.indices), workspace: &workspace) {
          _, deltas, scratch in
          for (index, keep) in keeps.enumerated() {
            let size = 4 * piece.count
            var delta = deltas._mutatingExtracting(size * index..<size * (index + 1))
            found[index].before += Kernels.best.powerSum(delta.bytes.extracting(bytes), p: 1)
            reading.apply(keep, model: index, piece, &delta, scratch: &scratch)
            found[index].after += Kernels.best.powerSum(delta.bytes.extracting(bytes), p: 1)
          }
        }
      }
      sums.withLock { $0[chunk] = found }
      engine.progress.advance(byteCount: tensor.byteCount(ofChunk: chunk))
    }
    // Chunks are added in order.
    var totals = keeps.map { _ in (before: 0.0, after: 0.0) }
    for chunk in sums.withLock({ $0 }) {
      for index in totals.indices {
        totals[index].before += chunk[index].before
        totals[index].after += chunk[index].after
      }
    }
    return totals.map { Self.factor(before: $0.before, after: $0.after) }
  }

  // MARK: Small tensors

  private static func smallByteCount(_ tensor: PlannedTensor, seed: UInt64) -> Int {
    DeltaReading(tensor, seed: seed).byteCount(piece: tensor.info.elementCount, inRows: true)
  }

  /// Returns the final combination of a tensor that fits into memory: thresholds by selection, then sums.
  private func settledSmall(
    _ tensor: PlannedTensor, _ workspace: inout MutableRawSpan
  ) throws -> SettledCombination {
    // `MergeSurvey` passes only tensors whose combination is `.taskVectors`.
    guard let vectors = tensor.vectors else { preconditionFailure("only task vectors are trimmed") }
    let reading = DeltaReading(tensor, seed: options.seed)
    let count = tensor.info.elementCount
    return try reading.withPiece(
      0..<count, of: Array(vectors.vectors.indices), workspace: &workspace
    ) { base, deltas, scratch in
      var keeps: [SettledCombination.Keep] = []
      var factors: [Float] = []
      for (index, vector) in vectors.vectors.enumerated() {
        var delta = deltas._mutatingExtracting(4 * count * index..<4 * count * (index + 1))
        let keep =
          vector.trim.needsRanks
          ? TrimBounds.keep(of: delta.bytes, vector.trim.kept(of: count), scratch: &base)
          : vector.trim.keepWithoutRanks
        keeps.append(keep)
        guard vectors.rescales else {
          factors.append(1)
          continue
        }
        let before = Kernels.best.powerSum(delta.bytes, p: 1)
        reading.apply(keep, model: index, 0..<count, &delta, scratch: &scratch)
        factors.append(
          Self.factor(before: before, after: Kernels.best.powerSum(delta.bytes, p: 1)))
      }
      return tensor.settled(keeps, factors: factors)
    }
  }
}

extension Trim {
  /// The values to keep if no threshold must be found.
  var keepWithoutRanks: SettledCombination.Keep {
    switch self {
    case .all, .largest, .atLeast, .afterLargest: .all
    case .nothing: .nothing
    case .random(let density): .random(density: density)
    case .ranked(let chances): .ranked(chances)
    }
  }
}

extension PlannedTensor {
  fileprivate var vectors: TaskVectors? {
    if case .taskVectors(let vectors) = combination { vectors } else { nil }
  }

  /// True if values must be read before the tensor can be merged.
  fileprivate var needsSurvey: Bool {
    guard let vectors, info.elementCount > 0 else { return false }
    return vectors.sumsMagnitudes || vectors.vectors.contains { $0.trim.needsRanks }
  }

  var keepsWithoutRanks: [SettledCombination.Keep] {
    vectors?.vectors.map(\.trim.keepWithoutRanks) ?? []
  }

  /// A combination of the same operands as the final one, without thresholds and factors.
  var unsurveyed: SettledCombination {
    switch combination {
    case .one(let scale): .weightedSum(weights: [Float(scale ?? 1)], divisor: 1)
    case .weightedSum(let weights, _): .weightedSum(weights: weights.map { Float($0) }, divisor: 1)
    case .slerp(let t): .weightedSum(weights: [Float(1 - t), Float(t)], divisor: 1)
    case .taskVectors(let vectors):
      settled(keepsWithoutRanks, factors: vectors.vectors.map { _ in 1 })
    }
  }

  fileprivate func settled(
    _ keeps: [SettledCombination.Keep], factors: [Float], zeroIsNegative: Bool = false
  ) -> SettledCombination {
    // All callers pass tensors whose combination is `.taskVectors`.
    guard let vectors else { preconditionFailure("only task vectors are trimmed") }
    return .taskVectors(
      keeps: keeps, zeroIsNegative: vectors.electsPlainly ? zeroIsNegative : nil,
      Kernels.TaskVectorSum(
        factors: factors, weights: vectors.vectors.map { Float($0.weight) },
        elects: vectors.elects, normalizes: vectors.normalizes, lambda: Float(vectors.lambda)))
  }
}
