package import Base
import Checkpoints
package import Reporting
import TensorCore

/// The plan of an output, shown by a dry run.
package struct PlanReport: Report {
  package static let schema = "sumac.plan/1"

  let output: String
  let format: String
  let plan: OutputPlan
  let allotment: MemoryBudget.Allotment
  /// An estimate of the size from a sample, if the size is not known exactly.
  let estimatedByteCount: Int?

  package var sections: [Section] {
    var facts = [
      Section.Fact("output", "\(output.printable) (\(format))"),
      Section.Fact("size", size),
      Section.Fact(
        "peak memory",
        "\(ByteSize(allotment.peakByteCount)) (\(allotment.peakByteCount.grouped) bytes) with "
          + allotment.workers.counted("worker")),
    ]
    if !plan.companions.isEmpty {
      facts.append(
        Section.Fact(
          plan.rows.isEmpty ? "files" : "other files",
          plan.companions.map(\.printable).joined(separator: ", ")))
    }
    let hasTable = !plan.rows.isEmpty || plan.companions.isEmpty
    return (hasTable ? [.table(table)] : []) + [.facts(facts), .line("Nothing was written.")]
  }

  private var size: String {
    let bound = "\(ByteSize(plan.byteCount)) (\(plan.byteCount.grouped) bytes)"
    guard !plan.isExact else { return bound }
    let maximum = "at most \(bound)"
    return estimatedByteCount.map { "about \(ByteSize($0)), \(maximum)" } ?? maximum
  }

  private var table: Table {
    Table(
      [
        Table.Column("tensor"), Table.Column("shape"), Table.Column("from"), Table.Column("to"),
        Table.Column("bytes", alignsRight: true),
      ],
      rows: LazyRows(count: plan.rows.count) { [rows = plan.rows] number in
        let row = rows[number]
        return [
          row.name.printable, row.shape.description, row.from, row.to,
          (row.isExact ? "" : "≤ ") + row.byteCount.grouped,
        ]
      })
  }

  package var records: Table {
    Table(
      ["tensor", "shape", "from", "to", "bytes", "exact", "file"].map { Table.Column($0) },
      rows: LazyRows(count: plan.rows.count) { [rows = plan.rows] number in
        let row = rows[number]
        return [
          row.name, row.shape.description, row.from, row.to, String(row.byteCount),
          String(row.isExact), row.file,
        ]
      })
  }

  package var members: JSONObject {
    [
      "output": .string(output), "container": .string(format),
      "bytes": JSONValue(plan.byteCount), "exact": .bool(plan.isExact),
      "estimated_bytes": estimatedByteCount.map { JSONValue($0) } ?? .null,
      "peak_memory_bytes": JSONValue(allotment.peakByteCount),
      "workers": JSONValue(allotment.workers), "tensors": .array([]),
      "files": .array(plan.companions.map { .string($0) }),
    ]
  }

  package var lineKey: String? { "tensors" }

  package var lines: [JSONValue] { Array(lazyLines) }

  package var lazyLines: LazyRows<JSONValue> {
    LazyRows(count: plan.rows.count) { [rows = plan.rows] number in
      let row = rows[number]
      return .object([
        "name": .string(row.name),
        "shape": .array(row.shape.dimensions.map { JSONValue($0) }),
        "from": .string(row.from), "to": .string(row.to), "bytes": JSONValue(row.byteCount),
        "exact": .bool(row.isExact), "file": .string(row.file),
      ])
    }
  }
}
