import Base
import Checkpoints
import Reporting

/// Lists the tasks of a plan that have no result.
package struct TaskListOperation: Operation {
  package static let verb = "task --missing"

  package var plan: String
  /// The name of the stage; all stages if nil.
  package var stage: String?
  /// The number of tasks that a number in the list stands for.
  package var groupSize = 1
  /// True if the process enters the folder to which the paths of the plan are relative.
  package var entersFolder = false

  package init(plan: String, stage: String? = nil) {
    self.plan = plan
    self.stage = stage
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let file = try PlanFile.opened(plan)
    if let stage { _ = try file.numbers(ofStage: stage) }
    if entersFolder { try FileSystem.enter(file.plan.folder) }
    let missing = try MissingTasks(file)
    let stages = file.plan.stages.filter { stage == nil || $0.name == stage }
    let found = try stages.map { stage in
      (stage: stage, numbers: try missing.numbers(of: stage).grouped(by: groupSize))
    }
    return OperationResult(reports: [MissingTasksReport(found, hasOneStage: stage != nil)])
  }
}

extension [Int] {
  /// Returns the numbers of the groups that ascending numbers from 1 on belong to.
  fileprivate func grouped(by size: Int) -> [Int] {
    reduce(into: []) { groups, number in
      let group = (number - 1) / Swift.max(1, size) + 1
      if groups.last != group { groups.append(group) }
    }
  }
}
