import Base
import Checkpoints
import Statistics
import Synchronization
import TensorCore

/// What an N:M pattern leaves of a tensor.
enum PatternSurvey {
  static func workspaceByteCount(_ reading: MaskedReading) -> Int {
    let count = reading.tensor.info.grid.largestChunk
    let builder = MaskBuilder(
      reading: reading, rule: TensorRule(choice: .pattern(kept: 1, group: 1024)))
    return 4 * count
      + max(
        reading.tensor.info.dtype.byteCount(of: count)!
          + reading.tensor.source.scratchByteCount(elementCount: count),
        builder.scratchByteCount(elementCount: count))
      + MaskedReading.maskByteCount(count)
  }

  static func outcome(
    _ reading: MaskedReading, _ pattern: Pattern, exponents: PQIndex, engine: Engine
  ) throws -> PruningOutcome.Tensor {
    let rule = TensorRule(choice: .pattern(kept: pattern.kept, group: pattern.group))
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
      count: grid.count, workspaceByteCount: workspaceByteCount(reading),
      onFailure: turnstile.abandon
    ) { chunk, workspace in
      let elements = grid[chunk]
      try workspace.split(at: 4 * elements.count) { values, rest in
        try rest.split(at: MaskedReading.maskByteCount(elements.count)) { mask, rest in
          let info = reading.tensor.info
          try rest.split(at: info.dtype.byteCount(of: elements.count)!) { stored, scratch in
            try reading.tensor.source.read(elements, into: &stored, scratch: &scratch)
            try Kernels.best.convert(
              stored.bytes, from: info.dtype, to: .f32, elementCount: elements.count,
              saturating: false, into: &values)
            try reading.initialMask.fill(
              &mask, reading.tensor, elements, stored: stored.bytes, scratch: &scratch)
          }
          var nonfinite = NonfiniteTally()
          nonfinite.add(values.bytes, start: elements.lowerBound)
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
      }
      engine.progress.advance(byteCount: reading.tensor.info.byteCount / max(1, grid.count))
    }
    let result = found.withLock { $0 }
    if let error = reading.error(result.nonfinite) { throw error }
    return result.tensor
  }
}
