package import Base
package import Reporting

/// The tasks that have no result: a line for each stage, or the numbers alone for one stage.
package struct MissingTasksReport: Report {
  package static let schema = "sumac.missing-tasks/1"

  private let stages: [(stage: PlanStage, numbers: [Int])]
  private let hasOneStage: Bool

  init(_ stages: [(stage: PlanStage, numbers: [Int])], hasOneStage: Bool) {
    self.stages = stages
    self.hasOneStage = hasOneStage
  }

  package var sections: [Section] {
    if hasOneStage {
      return stages.filter { !$0.numbers.isEmpty }.map { .line(TaskNumbers.text($0.numbers)) }
    }
    return [
      .table(
        Table(
          [
            Table.Column("stage"), Table.Column("tasks", alignsRight: true),
            Table.Column("missing", alignsRight: true), Table.Column("numbers"),
          ],
          rows: stages.map { stage, numbers in
            [
              stage.name, stage.taskCount.grouped, numbers.count.grouped,
              TaskNumbers.text(numbers, limit: 8),
            ]
          }))
    ]
  }

  package var records: Table {
    Table(
      ["stage", "task"].map { Table.Column($0) },
      rows: stages.flatMap { stage, numbers in numbers.map { [stage.name, String($0)] } })
  }

  package var members: JSONObject { ["stages": .array(lines)] }

  package var lines: [JSONValue] {
    stages.map { stage, numbers in
      .object([
        "stage": .string(stage.name), "tasks": JSONValue(stage.taskCount),
        "missing": .array(numbers.map { JSONValue($0) }),
      ])
    }
  }
}
