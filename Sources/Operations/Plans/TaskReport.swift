package import Base
import Checkpoints
package import Reporting

/// The outcomes of tasks, or the tasks that a dry run shows.
package struct TaskReport: Report {
  package static let schema = "sumac.task/1"

  private struct Row {
    var task: PlanTask
    var state: String
    var writtenByteCount: Int
    var seconds: Double?
  }

  private let path: String
  private let rows: [Row]
  private let isPlan: Bool

  init(_ file: PlanFile, _ outcomes: [TaskOutcome]) {
    path = file.path
    isPlan = false
    rows = outcomes.map { outcome in
      Row(
        task: outcome.task, state: outcome.state.rawValue,
        writtenByteCount: outcome.writtenByteCount, seconds: outcome.seconds)
    }
  }

  /// Creates the report of a dry run.
  init(_ file: PlanFile, planned tasks: [PlanTask]) {
    path = file.path
    isPlan = true
    rows = tasks.map {
      Row(task: $0, state: "planned", writtenByteCount: $0.writtenByteCount)
    }
  }

  package var sections: [Section] {
    [.table(table)] + (isPlan ? [.line("Nothing was written.")] : [])
  }

  private var table: Table {
    Table(
      [
        Table.Column("task", alignsRight: true), Table.Column("stage"),
        Table.Column("index", alignsRight: true), Table.Column("subject"), Table.Column("result"),
        Table.Column("reads", alignsRight: true), Table.Column("writes", alignsRight: true),
        Table.Column("time", alignsRight: true),
      ],
      rows: rows.map { row in
        [
          String(row.task.number), row.task.stage, String(row.task.index),
          row.task.subject.printable, row.state, ByteSize(row.task.readByteCount).description,
          row.writtenByteCount > 0 ? ByteSize(row.writtenByteCount).description : "",
          row.seconds.map { "\($0.fixed(decimals: 2)) s" } ?? "",
        ]
      })
  }

  package var records: Table {
    Table(
      [
        "task", "stage", "index", "subject", "result", "read_bytes", "written_bytes", "seconds",
      ].map { Table.Column($0) },
      rows: rows.map { row in
        [
          String(row.task.number), row.task.stage, String(row.task.index), row.task.subject,
          row.state, String(row.task.readByteCount), String(row.writtenByteCount),
          row.seconds.map { $0.fixed(decimals: 6) } ?? "",
        ]
      })
  }

  package var members: JSONObject { ["plan": .string(path), "tasks": .array(lines)] }

  package var lines: [JSONValue] {
    rows.map { row in
      .object([
        "task": JSONValue(row.task.number), "stage": .string(row.task.stage),
        "index": JSONValue(row.task.index), "subject": .string(row.task.subject),
        "result": .string(row.state), "read_bytes": JSONValue(row.task.readByteCount),
        "written_bytes": JSONValue(row.writtenByteCount),
        "seconds": row.seconds.map { JSONValue($0) } ?? .null,
      ])
    }
  }
}
