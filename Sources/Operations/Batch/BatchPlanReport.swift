import Base
import Checkpoints
import Reporting

/// The plan of a batch, shown by a dry run: a row for each model.
struct BatchPlanReport: Report {
  static let schema = "sumac.batch-plan/1"

  private struct Row {
    var model: String
    var output: String
    var action: String
    var inputByteCount: Int?
    var byteCount: Int?
    var isExact: Bool
    var memoryByteCount: Int?
    var valueByteCount: Int
    var error: (any UserError)?
  }

  private let command: String
  private let folder: String
  private let rows: [Row]
  private let byteCount: Int
  private let isExact: Bool
  private let freeByteCount: Int?
  private let longest: (model: String, valueByteCount: Int)?
  private let peakByteCount: Int
  private let threadCount: Int

  init(_ command: String, _ plan: BatchPlan) {
    self.command = command
    folder = plan.folder
    (byteCount, isExact, freeByteCount) = (plan.byteCount, plan.isExact, plan.freeByteCount)
    longest = plan.longest.map { ($0.job.input, $0.valueByteCount) }
    (peakByteCount, threadCount) = (plan.peakByteCount, plan.context.jobs)
    rows = plan.jobs.map { planned in
      let outline = planned.isPending ? planned.outputOutline : nil
      return Row(
        model: planned.job.input, output: planned.job.name, action: planned.actionName,
        inputByteCount: planned.isPending ? planned.inputByteCount : nil,
        byteCount: outline.flatMap { $0.byteCount > 0 ? $0.byteCount : nil },
        isExact: outline?.isExact ?? false,
        memoryByteCount: planned.isPending && planned.isFullyPlanned
          ? MemoryBudget.byteCount(planned.demand, workers: 1) : nil,
        valueByteCount: planned.valueByteCount, error: planned.error)
    }
  }

  var sections: [Section] {
    let size = "\(isExact ? "" : "at most ")\(ByteSize(byteCount)) (\(byteCount.grouped) bytes)"
    let free = freeByteCount.map { ", \(ByteSize($0)) are free" } ?? ""
    var facts = [
      Section.Fact("output", "\(folder.printable) (\(command))"),
      Section.Fact("size", size + free),
    ]
    if let longest {
      facts.append(
        Section.Fact(
          "longest", "\(longest.model.printable), \(ByteSize(longest.valueByteCount)) of values"))
    }
    facts.append(
      Section.Fact(
        "peak memory",
        "about \(ByteSize(peakByteCount)) with \(threadCount.counted("thread")) for all models"))
    return [.table(table), .facts(facts), .line("Nothing was written.")]
  }

  private var table: Table {
    Table(
      [
        Table.Column("model"), Table.Column("output"), Table.Column("action"),
        Table.Column("from", alignsRight: true), Table.Column("to", alignsRight: true),
        Table.Column("memory", alignsRight: true),
      ],
      rows: rows.map { row in
        [
          row.model.printable, row.output.printable,
          row.error.map { "\(row.action): \($0.facts.code)" } ?? row.action,
          row.inputByteCount.map { ByteSize($0).description } ?? "",
          row.byteCount.map { (row.isExact ? "" : "≤ ") + ByteSize($0).description } ?? "",
          row.memoryByteCount.map { ByteSize($0).description } ?? "",
        ]
      })
  }

  var records: Table {
    Table(
      ["model", "output", "action", "input_bytes", "bytes", "exact", "memory_bytes", "error"].map {
        Table.Column($0)
      },
      rows: rows.map { row in
        [
          row.model, row.output, row.action, row.inputByteCount.map(String.init) ?? "",
          row.byteCount.map(String.init) ?? "", String(row.isExact),
          row.memoryByteCount.map(String.init) ?? "",
          row.error?.message.text(.commandLine) ?? "",
        ]
      })
  }

  var members: JSONObject {
    [
      "command": .string(command), "folder": .string(folder), "bytes": JSONValue(byteCount),
      "exact": .bool(isExact), "free_bytes": freeByteCount.map { JSONValue($0) } ?? .null,
      "longest": longest.map { .string($0.model) } ?? .null,
      "peak_memory_bytes": JSONValue(peakByteCount), "threads": JSONValue(threadCount),
      "models": .array(lines),
    ]
  }

  var lines: [JSONValue] {
    rows.map { row in
      .object([
        "model": .string(row.model), "output": .string(row.output),
        "action": .string(row.action),
        "input_bytes": row.inputByteCount.map { JSONValue($0) } ?? .null,
        "bytes": row.byteCount.map { JSONValue($0) } ?? .null, "exact": .bool(row.isExact),
        "memory_bytes": row.memoryByteCount.map { JSONValue($0) } ?? .null,
        "value_bytes": JSONValue(row.valueByteCount),
        "error": row.error.map { .object(FailureReport($0).members) } ?? .null,
      ])
    }
  }
}

extension PlannedJob {
  /// The word for the action in a plan.
  fileprivate var actionName: String {
    switch action {
    case .run: mayReplace && outputStamp != nil ? "replace" : "write"
    case .finish: "finish"
    case .skip: "skip"
    case .fail: "fail"
    }
  }
}
