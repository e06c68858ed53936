import Base
package import Checkpoints
import TensorCore

/// The work of an operation as known from headers, before it runs.
package struct WorkOutline: Sendable {
  /// The inputs with their headers, the model first.
  package var inputs: [Checkpoint]
  /// The planned output, for operations that use it as their input; nil if it cannot stand for the output.
  var output: Checkpoint?
  var inputByteCount: Int
  /// The size of the output, or an upper bound.
  var byteCount = 0
  var isExact = true
  var estimatedByteCount: Int?
  /// The number of bytes of values that the longest phase reads.
  var valueByteCount: Int
  var tileCount: Int
  /// The memory of the phase that needs the most, including the catalogs.
  var demand: MemoryBudget.Demand

  /// The maximum number of threads that are worth their start.
  var usefulThreadCount: Int { max(1, min(tileCount, (valueByteCount >> 20) + 1)) }
}

extension WorkOutline {
  /// Creates the outline of a report, which reads headers and perhaps values.
  init(_ inputs: [Checkpoint], demand: MemoryBudget.Demand, valueByteCount: Int) {
    self.inputs = inputs
    inputByteCount = inputs.first?.fileByteCount ?? 0
    self.valueByteCount = valueByteCount
    tileCount = inputs.reduce(0) { count, input in
      input.tensors.reduce(count) { $0 + $1.info.grid.count }
    }
    self.demand = demand
    let tensorCount = inputs.reduce(0) { $0 + $1.tensors.count }
    self.demand.fixedByteCount += CatalogUse.report.byteCount(tensorCount: tensorCount)
  }
}

extension OutputRun {
  /// Returns what headers show about the work, after the checks that precede the work.
  func outline() throws -> WorkOutline {
    let job = try checkedJob()
    let plan = job.plan
    let inputs = request.inputs
    let tensorCount = inputs.reduce(plan.rows.count) { $0 + $1.tensors.count }
    let phases = [plan.demand, request.survey?.demand, request.evaluation?.demand]
      .compactMap(\.self)
    let identification = inputs.map(\.identificationWorkspaceByteCount).max() ?? 0
    var output: Checkpoint?
    if request.writer == nil {
      output = request.output
      // The values of the output are those that it will have when it is read again, stored without loss.
      for index in request.output.tensors.indices { output?.tensors[index].storage = .asIs }
      output?.path = settings.path
    }
    return WorkOutline(
      inputs: inputs, output: output,
      inputByteCount: inputs.first?.fileByteCount ?? 0, byteCount: plan.byteCount,
      isExact: plan.isExact, estimatedByteCount: try job.writer.estimatedByteCount(),
      valueByteCount: max(plan.valueByteCount, request.survey?.byteCount ?? 0),
      tileCount: plan.tileCount,
      demand: MemoryBudget.Demand(
        fixedByteCount: (phases.map(\.fixedByteCount).max() ?? 0)
          + CatalogUse.output.byteCount(tensorCount: tensorCount)
          + OperationContext.tensorReserveByteCount * tensorCount,
        workerByteCount: max(identification, phases.map(\.workerByteCount).max() ?? 0)
          + OperationContext.workerReserveByteCount))
  }
}
