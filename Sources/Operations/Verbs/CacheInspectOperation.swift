import Base
import CacheCompression
import Caches
import Checkpoints

/// Shows the contents of a cache, the size of each part, and its error against another cache.
package struct CacheInspectOperation: Operation {
  package static let verb = "cache inspect"

  /// The path of a cache file or folder, or the paths of all chunks in order.
  package var caches: [String]
  package var input = CacheInputSettings()
  /// The path of the original cache to compare with.
  package var against: String?
  /// The path of a file with queries for the comparison.
  package var queries: String?
  /// The number of random queries per head.
  package var sampleCount = 16

  package init(caches: [String]) { self.caches = caches }

  package func run(_ context: OperationContext) throws -> OperationResult {
    guard 1...4096 ~= sampleCount else {
      throw UsageError("\(setting: "sample") is \(sampleCount), expected 1 to 4096")
    }
    let cache = try input.read(caches, context)
    var inspection = try CacheInspection(cache)
    if let against {
      let other = try input.read([against], context)
      let given = try queries.map(context.read)
      let demand = MemoryBudget.Demand(
        fixedByteCount: 0,
        workerByteCount: inspection.workerByteCount(queryCount: sampleCount))
      try context.withEngine(.measure, demand, byteCount: inspection.comparedByteCount) {
        try inspection.compare(
          with: other, queries: given.map { .given($0) } ?? .drawn(count: sampleCount),
          engine: $0)
      }
    } else if queries != nil {
      throw UsageError("\(setting: "queries") needs \(setting: "against")")
    }
    return OperationResult(
      reports: [CacheReport(inspection, hasComparison: against != nil)])
  }
}
