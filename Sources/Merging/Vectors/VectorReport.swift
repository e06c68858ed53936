package import Base
package import Reporting

/// The report of `vector stats`.
package struct VectorReport: Report {
  package static let schema = "sumac.vector/1"

  private let statistics: VectorStatistics
  /// True if rows are tensors; otherwise they are layers.
  private let listsTensors: Bool

  package init(_ statistics: VectorStatistics, listsTensors: Bool) {
    self.statistics = statistics
    self.listsTensors = listsTensors
  }

  private var groups: [VectorStatistics.Group] {
    listsTensors ? statistics.tensors : statistics.layers
  }

  private var pairs: [(first: Int, second: Int)] {
    VectorStatistics.pairs(statistics.names.count)
  }

  private static func number(_ value: Double?) -> String {
    value.map { $0.fixed(decimals: 4) } ?? "-"
  }

  private static func percent(_ value: Double?) -> String {
    value.map { "\((100 * $0).fixed(decimals: 1)) %" } ?? "-"
  }

  // MARK: Text

  package var sections: [Section] {
    let total = statistics.total
    var sections: [Section] = []
    let columns = ["vector", "norm"] + (statistics.hasBase ? ["of the base"] : []) + ["zeros"]
    sections.append(
      .table(
        Table(
          columns.enumerated().map { Table.Column($1, alignsRight: $0 > 0) },
          rows: statistics.names.enumerated().map { index, name in
            let relative =
              total.baseSquares > 0
              ? total.norm(index) / total.baseSquares.squareRoot() : nil
            return [name.printable, Self.number(total.norm(index))]
              + (statistics.hasBase ? [Self.percent(relative)] : [])
              + [
                Self.percent(
                  total.valueCount > 0
                    ? Double(total.zeros[index]) / Double(total.valueCount) : nil)
              ]
          })))
    if pairs.count > 1 {
      sections.append(
        .table(
          Table(
            [
              Table.Column("pair"), Table.Column("cosine", alignsRight: true),
              Table.Column("sign conflicts", alignsRight: true),
            ],
            rows: pairs.enumerated().map { number, pair in
              [
                pairName(pair), Self.number(total.cosine(number, pair)),
                Self.percent(total.conflicts(number)),
              ]
            })))
    }
    sections.append(.table(groupTable))
    return sections
  }

  private func pairName(_ pair: (first: Int, second: Int)) -> String {
    "\(statistics.names[pair.first].printable), \(statistics.names[pair.second].printable)"
  }

  /// A table with a row for each layer or tensor, and a row for all.
  private var groupTable: Table {
    let first = pairs.count == 1 ? pairs[0] : nil
    let columns =
      [listsTensors ? "tensor" : "layer"] + statistics.names.map { "norm \($0.printable)" }
      + (first == nil ? [] : ["cosine", "sign conflicts"])
    let rows = groups + [VectorStatistics.Group(name: "all", tally: statistics.total)]
    return Table(
      columns.enumerated().map { Table.Column($1, alignsRight: $0 > 0) },
      rows: rows.map { group in
        [group.name.printable]
          + statistics.names.indices.map { Self.number(group.tally.norm($0)) }
          + (first.map { pair in
            [Self.number(group.tally.cosine(0, pair)), Self.percent(group.tally.conflicts(0))]
          } ?? [])
      })
  }

  // MARK: Data

  private func json(_ name: String, _ tally: VectorStatistics.Tally) -> JSONValue {
    var object: JSONObject = [
      "name": .string(name), "values": JSONValue(tally.valueCount),
      "norms": .array(statistics.names.indices.map { JSONValue(tally.norm($0)) }),
      "zeros": .array(tally.zeros.map { JSONValue($0) }),
      "pairs": .array(
        pairs.enumerated().map { number, pair in
          .object([
            "first": .string(statistics.names[pair.first]),
            "second": .string(statistics.names[pair.second]),
            "cosine": tally.cosine(number, pair).map { JSONValue($0) } ?? .null,
            "sign_conflicts": tally.conflicts(number).map { JSONValue($0) } ?? .null,
          ])
        }),
    ]
    if statistics.hasBase { object["base_norm"] = JSONValue(tally.baseSquares.squareRoot()) }
    return .object(object)
  }

  package var members: JSONObject {
    [
      "vectors": .array(statistics.names.map { .string($0) }),
      "total": json("all", statistics.total),
      "layers": .array(statistics.layers.map { json($0.name, $0.tally) }),
      "tensors": .array(statistics.tensors.map { json($0.name, $0.tally) }),
    ]
  }

  package var lines: [JSONValue] { groups.map { json($0.name, $0.tally) } }

  package var records: Table {
    let columns =
      ["name", "values"] + statistics.names.map { "norm \($0)" }
      + pairs.flatMap { pair in
        ["cosine", "sign_conflicts"].map {
          "\($0) \(statistics.names[pair.first]) \(statistics.names[pair.second])"
        }
      }
    return Table(
      columns.map { Table.Column($0) },
      rows: groups.map { group in
        [group.name, String(group.tally.valueCount)]
          + statistics.names.indices.map { String(group.tally.norm($0)) }
          + pairs.enumerated().flatMap { number, pair in
            [
              group.tally.cosine(number, pair).map { String($0) } ?? "",
              group.tally.conflicts(number).map { String($0) } ?? "",
            ]
          }
      })
  }
}
