package import Base
package import Reporting

/// The heads of a model beside those of another one that has as many in each layer.
package struct HeadsComparison: Report {
  package static let schema = "sumac.repeats-compare/1"

  /// A model with its measures.
  package struct Side: Sendable {
    package var model: String
    package var heads: HeadMeasures
    package var probe: Probe?

    package init(model: String, heads: HeadMeasures, probe: Probe?) {
      self.model = model
      self.heads = heads
      self.probe = probe
    }

    fileprivate var columns: [HeadColumn] { heads.columns + (probe?.columns ?? []) }
  }

  private let first: Side
  private let second: Side
  private let kernels: String

  /// Creates the comparison of two models whose numbers of layers and heads are the same.
  package init(_ first: Side, _ second: Side, kernels: String) {
    precondition(first.heads.grid == second.heads.grid)
    (self.first, self.second, self.kernels) = (first, second, kernels)
  }

  /// Throws ``UsageError`` if two models have different numbers of layers or heads.
  package static func check(
    _ first: (model: String, grid: HeadGrid), _ second: (model: String, grid: HeadGrid)
  ) throws(UsageError) {
    guard first.grid != second.grid else { return }
    throw UsageError(
      "\(first.model.printable) has \(first.grid.text), \(second.model.printable) has "
        + second.grid.text,
      hint: "compare models of one architecture")
  }

  private var grid: HeadGrid { first.heads.grid }

  /// The change of each measure from the first model to the second.
  private var changes: [HeadColumn] {
    zip(first.columns, second.columns).map { before, after in
      HeadColumn(
        before.name, before.title, zip(after.values, before.values).map { $0 - $1 })
    }
  }

  package var sections: [Section] {
    let rows = zip(zip(first.columns, second.columns), changes).map { pair, change in
      let (before, after) = pair
      let largest =
        change.values.indices.max { change.values[$0].magnitude < change.values[$1].magnitude } ?? 0
      return [
        before.title, before.mean.fixed(decimals: 4), after.mean.fixed(decimals: 4),
        cell(before), cell(after), cell(change, at: largest),
      ]
    }
    let titles = ["mean, A", "mean, B", "highest, A", "highest, B", "largest change"]
    var all: [Section] = [
      .table(
        Table(
          [Table.Column("measure")] + titles.map { Table.Column($0, alignsRight: true) }, rows: rows
        ))
    ]
    if let losses { all.append(.table(losses)) }
    all.append(
      .facts([
        Section.Fact("A", first.model.printable), Section.Fact("B", second.model.printable),
        Section.Fact("heads", grid.text), Section.Fact("kernels", kernels),
      ]))
    return all
  }

  private func cell(_ column: HeadColumn, at head: Int? = nil) -> String {
    let head = head ?? column.top
    return "\(column.values[head].fixed(decimals: 4)) (\(grid.name(of: head)))"
  }

  private var losses: Table? {
    guard let before = first.probe, let after = second.probe else { return nil }
    var rows = [
      ("first segment", before.firstLoss, after.firstLoss),
      ("second segment", before.inductionLoss, after.inductionLoss),
    ]
    for (copy, pair) in zip(before.lossByCopy, after.lossByCopy).enumerated() {
      rows.append(("copy \(copy + 1)", pair.0, pair.1))
    }
    return Table(
      [Table.Column("loss")]
        + ["A", "B", "change"].map { Table.Column($0, alignsRight: true) },
      rows: rows.map { name, a, b in
        [name, a.fixed(decimals: 4), b.fixed(decimals: 4), (b - a).fixed(decimals: 4)]
      })
  }

  /// The measures of both models side by side.
  private var columns: [HeadColumn] {
    zip(first.columns, second.columns).flatMap { before, after in
      [
        HeadColumn(before.name + "_a", before.title + " A", before.values),
        HeadColumn(after.name + "_b", after.title + " B", after.values),
      ]
    }
  }

  package var records: Table { HeadTable(grid: grid, columns: columns).records }
  package var lines: [JSONValue] { HeadTable(grid: grid, columns: columns).lines }

  package var members: JSONObject {
    var change = JSONObject()
    HeadTable(grid: grid, columns: changes).add(to: &change)
    return [
      "a": .object(json(first)), "b": .object(json(second)),
      "layers": JSONValue(grid.layerCount), "heads": JSONValue(grid.headCount),
      "kernels": .string(kernels), "change": .object(change),
    ]
  }

  private func json(_ side: Side) -> JSONObject {
    var object: JSONObject = ["model": .string(side.model)]
    HeadTable(grid: grid, columns: side.columns).add(to: &object)
    object["induction_loss"] = side.probe.map { JSONValue($0.inductionLoss) } ?? .null
    object["loss_by_copy"] =
      side.probe.map { .array($0.lossByCopy.map { JSONValue($0) }) } ?? .null
    return object
  }
}
