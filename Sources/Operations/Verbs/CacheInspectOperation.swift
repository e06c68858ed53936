import Base
import CacheCompression
import Caches
import Checkpoints

/// Shows what a cache holds, what each part takes, and how far it is from another.
package struct CacheInspectOperation: Operation {
  package static let verb = "cache inspect"

  /// A cache: a file or folder; all chunks in order.
  package var caches: [String]
  package var input = CacheInputSettings()
  /// The cache that it was made from.
  package var against: String?
  /// A file of queries for the comparison.
  package var queries: String?
  /// Queries that are drawn for each head.
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
      throw UsageError("\(setting: "queries") has no meaning without \(setting: "against")")
    }
    return OperationResult(
      reports: [CacheReport(inspection, hasComparison: against != nil)])
  }
}
