import Base
package import Checkpoints

extension OperationContext {
  /// Returns the checkpoints with identities that cover their values, as lineages record them.
  ///
  /// Reads all values of inputs whose files contain no checksums.
  package func identified(_ checkpoints: [Checkpoint]) throws -> [Checkpoint] {
    let byteCount = checkpoints.reduce(0) { $0 + $1.unidentifiedByteCount }
    guard byteCount > 0 else { return checkpoints }
    let demand = MemoryBudget.Demand(
      fixedByteCount: 0,
      workerByteCount: checkpoints.map(\.identificationWorkspaceByteCount).max() ?? 0)
    return try withEngine(.identify, demand, byteCount: byteCount) { engine in
      try checkpoints.map { checkpoint in
        var result = checkpoint
        result.identity = try checkpoint.contentIdentity(engine: engine)
        return result
      }
    }
  }
}
