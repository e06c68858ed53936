package import Base
package import Reporting

/// The heads of a model beside those of another one with the same layers and heads.
package struct HeadsComparison: Report {
  package static let schema = "sumac.repeats.compare/1"

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

  /// - Throws: ``UsageError`` if the models have different numbers of layers or heads.
  package init(_ first: Side, _ second: Side, kernels: String) throws(UsageError) {
    guard first.heads.layerCount == second.heads.layerCount,
      first.heads.headCount == second.heads.headCount
    else {
      throw UsageError(
        "\(first.model.printable) has \(first.heads.shapeText), \(second.model.printable) has "
          + second.heads.shapeText,
        hint: "compare models of one architecture")
    }
    (self.first, self.second, self.kernels) = (first, second, kernels)
  }

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
        Section.Fact("heads", first.heads.shapeText), Section.Fact("kernels", kernels),
      ]))
    return all
  }

  private func cell(_ column: HeadColumn, at head: Int? = nil) -> String {
    let head = head ?? column.top
    return "\(column.values[head].fixed(decimals: 4)) (\(first.heads.name(of: head)))"
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

  package var records: Table { columns.records(headCount: first.heads.headCount) }

  package var members: JSONObject {
    [
      "a": .object(json(first)), "b": .object(json(second)),
      "layers": JSONValue(first.heads.layerCount), "heads": JSONValue(first.heads.headCount),
      "kernels": .string(kernels),
      "change": .object(
        changes.reduce(into: JSONObject()) {
          $0[$1.name] = $1.json(headCount: first.heads.headCount)
        }),
    ]
  }

  private func json(_ side: Side) -> JSONObject {
    var object: JSONObject = ["model": .string(side.model)]
    for column in side.columns {
      object[column.name] = column.json(headCount: side.heads.headCount)
    }
    object["induction_loss"] = side.probe.map { JSONValue($0.inductionLoss) } ?? .null
    object["loss_by_copy"] =
      side.probe.map { .array($0.lossByCopy.map { JSONValue($0) }) } ?? .null
    return object
  }

  package var lines: [JSONValue] { columns.lines(headCount: first.heads.headCount) }
}
