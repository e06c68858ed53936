import Base
import Checkpoints
import Surveys
import Synchronization
import TensorCore

/// A survey of the weights that an N:M pattern keeps of a tensor.
enum PatternSurvey {
  static func workspaceByteCount(_ reading: MaskedReading, _ pattern: Pattern) -> Int {
    workspace(
      MaskBuilder(reading: reading, rule: TensorRule(pattern)),
      elementCount: reading.tensor.info.grid.largestChunk
    ).byteCount
  }

  /// Returns the layout of the workspace: values, the mask of weights that were not pruned before, and scratch
  /// memory to read them or to build their mask.
  private static func workspace(_ builder: MaskBuilder, elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      FloatReader.byteCount(elementCount: elementCount), MaskedReading.maskByteCount(elementCount),
      scratch: builder.scratchByteCount(elementCount: elementCount), alignment: 64)
  }

  static func outcome(
    _ reading: MaskedReading, _ pattern: Pattern, exponents: PQIndex, engine: Engine
  ) throws -> PruningOutcome.Tensor {
    let rule = TensorRule(pattern)
    let builder = MaskBuilder(reading: reading, rule: rule)
    struct Found {
      var tensor: PruningOutcome.Tensor
      var nonfinite = NonfiniteTally()
    }
    let found = Mutex(
      Found(
        tensor: PruningOutcome.Tensor(
          rule: rule, before: WeightTally(), after: WeightTally(), decisions: [])))
    let grid = reading.tensor.info.grid
    let turnstile = Turnstile()
    try engine.forEachPiece(
      count: grid.count, workspaceByteCount: workspaceByteCount(reading, pattern),
      onFailure: turnstile.abandon
    ) { chunk, memory in
      let elements = grid[chunk]
      try workspace(builder, elementCount: elements.count).withSpans(of: &memory) {
        values, mask, rest in
        let nonfinite = try reading.readValues(
          elements, counts: true, values: &values, mask: &mask, scratch: &rest)
        Kernels.best.exclude(unmasked: mask.bytes, from: &values)
        let before = WeightTally(values.bytes, exponents)
        var after = WeightTally()
        try builder.withMask(elements, scratch: &rest) { kept in
          Kernels.best.exclude(unmasked: kept, from: &values)
          after = WeightTally(values.bytes, exponents)
        }
        try turnstile.pass(chunk) {
          found.withLock { found in
            found.nonfinite.merge(nonfinite)
            found.tensor.before.merge(before)
            found.tensor.after.merge(after)
          }
        }
      }
      engine.progress.advance(byteCount: reading.tensor.info.byteCount / max(1, grid.count))
    }
    let result = found.withLock { $0 }
    if let error = reading.error(result.nonfinite) { throw error }
    return result.tensor
  }
}
