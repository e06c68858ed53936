import Base
import Checkpoints
package import Reporting

/// Divides an operation into tasks and writes the plan of them.
package struct PlanOperation: Operation {
  package static let verb = "plan"

  /// The path of the plan.
  package var path: String
  package var work: PlannedWork
  /// The number of bytes up to which a task reads; that of a shard of the output if nil.
  package var taskByteCount: Int?
  /// True if an existing plan is replaced.
  package var replacesExisting = false

  package init(path: String, work: PlannedWork) {
    self.path = path
    self.work = work
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let (plan, tasks) = try planned(context)
    try PlanFile.write(plan, tasks: tasks, to: path, replacesExisting: replacesExisting)
    return OperationResult(reports: [PlanStagesReport(plan, path: path)])
  }

  /// Returns the plan without writing it.
  package func plan(_ context: OperationContext) throws -> any Report {
    PlanStagesReport(try planned(context).0, path: nil)
  }

  private func planned(_ context: OperationContext) throws -> (Plan, [PlanTask]) {
    if let taskByteCount, taskByteCount <= 0 {
      throw UsageError("\(setting: "task-size") must be greater than 0")
    }
    try ReportFile.check(path, replacesExisting: replacesExisting)
    let maker = PlanMaker(
      path: path, context: context,
      taskByteCount: taskByteCount ?? shardByteCount ?? SplitOutput.standardTaskByteCount)
    let (plan, tasks) =
      switch work {
      case .output(let planned): try maker.plan(planned.operation)
      case .models(let batch): try maker.plan(batch)
      case .sweep(let sweep): try maker.plan(sweep)
      }
    guard tasks.count <= PlanFile.maximumTaskCount else {
      throw UsageError(
        "the plan would have \(tasks.count.grouped) tasks, the limit is "
          + PlanFile.maximumTaskCount.grouped, hint: "choose a larger \(setting: "task-size")")
    }
    return (plan, tasks)
  }

  private var shardByteCount: Int? {
    guard case .output(let planned) = work else { return nil }
    return planned.operation.output.shardByteCount.flatMap { $0 > 0 ? $0 : nil }
  }
}
