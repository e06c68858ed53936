import Base
import Reporting

/// Measures of all heads of a model in the forms that reports need.
struct HeadTable {
  let grid: HeadGrid
  let columns: [HeadColumn]

  /// A row for each head, named `LAYER.HEAD`, with four decimals.
  var section: Section {
    .table(
      Table(
        [Table.Column("head")] + columns.map { Table.Column($0.title, alignsRight: true) },
        rows: LazyRows(count: grid.count) { head in
          [grid.name(of: head)] + columns.map { $0.values[head].fixed(decimals: 4) }
        }))
  }

  /// A row for each head with all digits.
  var records: Table {
    Table(
      (["layer", "head"] + columns.map(\.name)).map { Table.Column($0) },
      rows: LazyRows(count: grid.count) { head in
        ["\(head / grid.headCount)", "\(head % grid.headCount)"]
          + columns.map { "\($0.values[head])" }
      })
  }

  /// An object for each head.
  var lines: [JSONValue] {
    (0..<grid.count).map { head in
      var object: JSONObject = [
        "layer": JSONValue(head / grid.headCount), "head": JSONValue(head % grid.headCount),
      ]
      for column in columns { object[column.name] = JSONValue(column.values[head]) }
      return .object(object)
    }
  }

  /// Returns the members that reports on one model begin with.
  func header(model: String, kernels: String) -> JSONObject {
    [
      "model": .string(model), "layers": JSONValue(grid.layerCount),
      "heads": JSONValue(grid.headCount), "kernels": .string(kernels),
    ]
  }

  /// Adds a member for each measure: a list of layers, each of which is a list of heads.
  func add(to members: inout JSONObject) {
    for column in columns { members[column.name] = column.values.nested(by: [grid.headCount]) }
  }
}
