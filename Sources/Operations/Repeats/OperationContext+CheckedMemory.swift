import Checkpoints

extension OperationContext {
  /// Throws ``UsageError`` if work that needs `byteCount` bytes does not fit into the limit on memory.
  func checkMemory(_ byteCount: Int) throws {
    let demand = MemoryBudget.Demand(fixedByteCount: byteCount, workerByteCount: 0)
    _ = try memory.allot(demand, jobs: 1, tiles: .max, valueByteCount: .max)
  }
}
