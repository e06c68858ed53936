package import Base
package import Reporting

/// The measures of heads from weights.
package struct HeadsReport: Report {
  package static let schema = "sumac.repeats.heads/1"

  private let model: String
  private let kernels: String
  private let measures: HeadMeasures

  package init(model: String, kernels: String, _ measures: HeadMeasures) {
    self.model = model
    self.kernels = kernels
    self.measures = measures
  }

  /// The number of pairs of heads that the text shows.
  private static let shownPairCount = 5

  package var sections: [Section] {
    var all: [Section] = [
      .table(measures.columns.table(headCount: measures.headCount)),
      .facts([
        Section.Fact("model", model.printable), Section.Fact("heads", measures.shapeText),
        Section.Fact("kernels", kernels),
      ]),
    ]
    if let composition = measures.composition, measures.layerCount > 1 {
      all.insert(.table(pairs(composition)), at: 1)
    }
    return all
  }

  /// The pairs with the strongest composition of each kind.
  private func pairs(_ composition: HeadComposition) -> Table {
    let kinds = [("Q", composition.queries), ("K", composition.keys), ("V", composition.values)]
    let rows = kinds.flatMap { kind, values in
      let order = values.indices.filter { values[$0] > 0 }.sorted {
        (values[$0], $1) > (values[$1], $0)
      }
      return order.prefix(Self.shownPairCount).map { place in
        [
          kind, measures.name(of: place / measures.count),
          measures.name(of: place % measures.count),
          values[place].fixed(decimals: 4),
        ]
      }
    }
    return Table(
      [
        Table.Column("kind"), Table.Column("head"), Table.Column("later head"),
        Table.Column("composition", alignsRight: true),
      ], rows: rows)
  }

  package var records: Table { measures.columns.records(headCount: measures.headCount) }

  package var members: JSONObject {
    var members: JSONObject = [
      "model": .string(model), "layers": JSONValue(measures.layerCount),
      "heads": JSONValue(measures.headCount), "kernels": .string(kernels),
    ]
    for column in measures.columns {
      members[column.name] = column.json(headCount: measures.headCount)
    }
    let sizes = [measures.headCount, measures.layerCount, measures.headCount]
    members["composition"] =
      measures.composition.map { composition in
        .object([
          "q": composition.queries.nested(by: sizes), "k": composition.keys.nested(by: sizes),
          "v": composition.values.nested(by: sizes),
        ])
      } ?? .null
    return members
  }

  package var lines: [JSONValue] { measures.columns.lines(headCount: measures.headCount) }
}

extension HeadMeasures {
  /// The measures that have a value for each head.
  package var columns: [HeadColumn] {
    [
      HeadColumn("copying", "copying", copying),
      HeadColumn("circuit_copying", "circuit copying", circuitCopying),
    ]
  }

  var shapeText: String {
    "\(headCount.counted("head")) in each of \(layerCount.counted("layer"))"
  }
}
