import Base
import Checkpoints
package import Reporting

/// Runs tasks of a plan, one after another.
package struct TaskOperation: Operation {
  package static let verb = "task"

  /// The path of the plan.
  package var plan: String
  /// The name of the stage whose tasks are counted; all tasks of the plan are counted if nil.
  package var stage: String?
  /// The numbers of the tasks, from 1 on.
  package var first: Int
  package var last: Int
  /// True if the process enters the folder to which the paths of the plan are relative.
  package var entersFolder = false

  package init(plan: String, stage: String? = nil, first: Int, last: Int) {
    self.plan = plan
    self.stage = stage
    self.first = first
    self.last = last
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let file = try PlanFile.opened(plan)
    let tasks = try tasks(file)
    try file.checkVersions()
    if entersFolder { try FileSystem.enter(file.plan.folder) }
    let run = try TaskRun(file, context)
    var outcomes: [TaskOutcome] = []
    for task in tasks {
      let start = ContinuousClock.now
      var outcome = try run.run(task)
      outcome.seconds = (ContinuousClock.now - start) / .seconds(1)
      outcomes.append(outcome)
    }
    return OperationResult(reports: [TaskReport(file, outcomes)])
  }

  /// Returns the tasks without running them.
  package func plan(_ context: OperationContext) throws -> any Report {
    let file = try PlanFile.opened(plan)
    return TaskReport(file, planned: try tasks(file))
  }

  private func tasks(_ file: PlanFile) throws -> [PlanTask] {
    guard let stage else {
      try check(1..<file.plan.taskCount + 1, "\(plan.printable) has")
      return try (first...last).map(file.task)
    }
    let numbers = try file.numbers(ofStage: stage)
    try check(1..<numbers.count + 1, "the stage \(stage.printable) has")
    return try (first...last).map { try file.task(numbers.lowerBound + $0 - 1) }
  }

  private func check(_ numbers: Range<Int>, _ owner: String) throws(UsageError) {
    guard first <= last else {
      throw UsageError(
        "\(first)-\(last) is not a range of tasks", hint: "write the lower one first")
    }
    for number in [first, last] where !numbers.contains(number) {
      throw UsageError(
        "task \(number) is out of range: \(owner) \(numbers.count.counted("task"))",
        hint: "use numbers from 1 to \(numbers.count)")
    }
  }
}
