package import Checkpoints
import Synchronization
import TensorCore

/// The moments of every tensor of a checkpoint, in one pass over its values.
package enum MomentSurvey {
  /// Memory for each worker, besides its thread.
  package static func workspaceByteCount(_ tensors: [LazyTensor]) -> Int {
    Engine.workspaceByteCount(of: tensors) { tensor in
      Moments.scratchByteCount(
        dtype: tensor.info.dtype, elementCount: tensor.info.grid.largestChunk)
    }
  }

  package static func moments(of tensors: [LazyTensor], engine: Engine) throws -> [Moments] {
    let results = Mutex(tensors.map { _ in Moments() })
    let turnstile = Turnstile()
    try engine.forEachTile(
      of: tensors, workspaceByteCount: workspaceByteCount(tensors), onFailure: turnstile.abandon
    ) { number, tile, values, scratch in
      let part = try Moments(
        of: values, dtype: tensors[tile.tensor].info.dtype, elementCount: tile.elements.count,
        scratch: &scratch)
      try turnstile.pass(number) { results.withLock { $0[tile.tensor].merge(part) } }
    }
    return results.withLock { $0 }
  }
}
