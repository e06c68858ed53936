import Base
import Reporting

/// The report of a command that makes masks: a row for each tensor.
struct MaskReport: Report {
  static let schema = "sumac.sparcl-mask/1"

  private let output: String
  private let rows: [MaskRow]

  init(output: String, _ rows: [MaskRow]) {
    self.output = output
    self.rows = rows
  }

  private static func percent(_ row: MaskRow) -> String {
    "\((100 * Double(row.kept) / Double(max(1, row.count))).fixed(decimals: 2)) %"
  }

  private var hasGrowth: Bool { rows.contains { $0.grown != nil } }

  var sections: [Section] {
    var columns = [Table.Column("tensor")]
    columns += ["values", "kept", "share"].map { Table.Column($0, alignsRight: true) }
    if hasGrowth { columns.append(Table.Column("grown", alignsRight: true)) }
    return [
      .table(
        Table(
          columns,
          rows: rows.map { row in
            [row.name.printable, row.count.grouped, row.kept.grouped, Self.percent(row)]
              + (hasGrowth ? [row.grown.map(\.grouped) ?? ""] : [])
          }))
    ]
  }

  var records: Table {
    Table(
      ["tensor", "values", "kept", "grown", "threshold"].map { Table.Column($0) },
      rows: rows.map {
        [
          $0.name, "\($0.count)", "\($0.kept)", $0.grown.map { "\($0)" } ?? "",
          $0.percentile.map { "\($0)" } ?? "",
        ]
      })
  }

  var members: JSONObject { ["output": .string(output), "tensors": .array(lines)] }

  var lines: [JSONValue] {
    rows.map { row in
      .object([
        "name": .string(row.name), "values": JSONValue(row.count), "kept": JSONValue(row.kept),
        "grown": row.grown.map { JSONValue($0) } ?? .null,
        "threshold": row.percentile.map { JSONValue($0) } ?? .null,
      ])
    }
  }
}
