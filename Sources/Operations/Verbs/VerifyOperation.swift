import Base
import Checkpoints
import Inspection
import Packing
import Reporting

/// Checks the integrity of checkpoints, or compares one with another.
package struct VerifyOperation: Operation {
  package static let verb = "verify"

  package var inputs: [String]
  /// The path of the checkpoint to compare with.
  package var against: String?
  /// The maximum root mean square error of a tensor.
  package var largestRMSE: Double?
  /// The maximum absolute error of a value.
  package var largestError: Double?
  /// True if every difference is listed.
  package var listsDifferences = false
  /// True if the reports omit inputs without faults.
  package var reportsFailuresOnly = false

  package init(inputs: [String]) { self.inputs = inputs }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let original = try against.map { try context.read($0, for: .report) }
    var failed: [Verification] = []
    var result = try context.reports(on: inputs) {
      let verification = try verification(of: $0.checkingSeals(), against: original, context)
      if verification.status != .done { failed.append(verification) }
      return verification
    }
    if failed.contains(where: { $0.comparison?.summarizes == true }) {
      context.observer.report(
        .note("the differences are summarized; to list them, pass \(setting: "details")"))
    }
    if reportsFailuresOnly {
      result.reports = failed
      result.list?.keep { ($0 as? Verification)?.status != .done }
    }
    if result.status == .done, let first = failed.first {
      result.status = inputs.count == 1 ? first.status : .partOfBatchFailed
    }
    return result
  }

  /// Returns the memory that checking or comparing a checkpoint needs.
  func demand(_ checkpoint: Checkpoint, against original: Checkpoint?) -> MemoryBudget.Demand {
    MemoryBudget.Demand(
      fixedByteCount: 0,
      workerByteCount: max(
        Verification.workspaceByteCount(checkpoint),
        original.map { Comparison.workspaceByteCount(checkpoint, $0) } ?? 0))
  }

  private func verification(
    of checkpoint: Checkpoint, against original: Checkpoint?, _ context: OperationContext
  ) throws -> Verification {
    return try context.withEngine(
      .verify, demand(checkpoint, against: original),
      tensors: checkpoint.tensors.count * (original == nil ? 1 : 2),
      byteCount: Verification.byteCount(checkpoint) * (original == nil ? 1 : 2),
      companions: (checkpoint.companions + (original?.companions ?? [])).map(\.name)
    ) { engine in
      let faults = try Verification.faults(in: checkpoint, engine: engine)
      let comparison = try original.flatMap { original in
        faults.isEmpty
          ? try Comparison(
            checkpoint, against: original,
            tolerance: Comparison.Tolerance(
              largestError: largestError, rootMeanSquare: largestRMSE),
            listsDifferences: listsDifferences, engine: engine) : nil
      }
      return Verification(checkpoint: checkpoint, faults: faults, comparison: comparison)
    }
  }
}
