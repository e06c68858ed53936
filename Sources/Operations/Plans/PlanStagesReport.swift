package import Base
import Checkpoints
package import Reporting

/// The stages of a plan.
package struct PlanStagesReport: Report {
  package static let schema = "sumac.stages/1"

  private let plan: Plan
  private let path: String?

  /// - Parameter path: The file of the plan; nil if it was not written.
  init(_ plan: Plan, path: String?) {
    self.plan = plan
    self.path = path
  }

  package var sections: [Section] {
    let facts = [
      Section.Fact("output", "\(plan.output.printable) (\(plan.verb))"),
      Section.Fact("tasks", plan.taskCount.grouped),
      Section.Fact("plan", path?.printable ?? "not written"),
    ]
    return [.table(table), .facts(facts)]
  }

  private var table: Table {
    Table(
      [
        Table.Column("stage"), Table.Column("tasks", alignsRight: true), Table.Column("after"),
        Table.Column("reads", alignsRight: true), Table.Column("writes", alignsRight: true),
        Table.Column("memory", alignsRight: true),
      ],
      rows: plan.stages.map { stage in
        [
          stage.name, stage.taskCount.grouped, stage.predecessors.joined(separator: ", "),
          ByteSize(stage.readByteCount).description,
          stage.writtenByteCount > 0 ? ByteSize(stage.writtenByteCount).description : "",
          ByteSize(stage.memoryByteCount).description,
        ]
      })
  }

  package var records: Table {
    Table(
      ["stage", "tasks", "after", "read_bytes", "written_bytes", "memory_bytes"].map {
        Table.Column($0)
      },
      rows: plan.stages.map { stage in
        [
          stage.name, String(stage.taskCount), stage.predecessors.joined(separator: " "),
          String(stage.readByteCount), String(stage.writtenByteCount),
          String(stage.memoryByteCount),
        ]
      })
  }

  package var members: JSONObject {
    [
      "plan": path.map { .string($0) } ?? .null, "kind": .string(plan.kind.rawValue),
      "verb": .string(plan.verb), "output": .string(plan.output),
      "tasks": JSONValue(plan.taskCount), "stages": .array(lines),
    ]
  }

  package var lines: [JSONValue] { plan.stages.map { .object($0.json) } }
}
