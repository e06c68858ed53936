package import Base
package import Checkpoints
package import TensorCore

/// Pruning by several shares, of which nothing is written.
extension Pruning {
  /// Returns the pruning with another share of the weights to drop from each group; nil if its rule has no share.
  package func dropping(_ share: Double) -> Pruning? {
    guard case .amount(let amount, let scope, let iterations) = selecting else { return nil }
    let changed: Amount
    switch amount {
    case .adaptive: return nil
    case .quantile(_, let wideRanks): changed = .quantile(share, wideRanks: wideRanks)
    case .exactly: changed = .exactly(share)
    }
    var result = self
    result.selecting = .amount(changed, scope: scope, iterations: iterations)
    return result
  }

  /// Returns the memory of each worker while losses are measured, in bytes.
  package func lossWorkspaceByteCount(
    _ checkpoint: Checkpoint, rewindingTo initial: Checkpoint? = nil
  ) -> Int {
    let nothing = PruningOutcome(
      tensorIndices: sortedTensorIndices(in: checkpoint), readings: sortedReadings(of: checkpoint))
    let pruned = applied(to: checkpoint, nothing, rewindingTo: initial)
    return Engine.workspaceByteCount(of: measured(pruned, nothing), extra: { _ in 0 })
  }

  /// Reads the pruned tensors, and returns the difference that pruning made to each, by name.
  /// - Parameter pruned: The result of ``applied(to:_:rewindingTo:)``.
  package func measuredLosses(
    of pruned: Checkpoint, _ outcome: PruningOutcome, engine: Engine
  ) throws -> [UTF8Key: ValueLoss] {
    let tensors = measured(pruned, outcome)
    try engine.forEachTile(
      of: tensors,
      workspaceByteCount: Engine.workspaceByteCount(of: tensors, extra: { _ in 0 })
    ) { _, _, _, _ in }
    return losses(of: pruned, outcome)
  }

  /// The pruned tensors in scope.
  private func measured(_ pruned: Checkpoint, _ outcome: PruningOutcome) -> [LazyTensor] {
    let names = Set(outcome.names.map(UTF8Key.init))
    return pruned.tensors.filter { $0.aliasOf == nil && names.contains(UTF8Key($0.name)) }
  }
}
