package import Base
package import Reporting

/// The measures of heads from weights.
package struct HeadsReport: Report {
  package static let schema = "sumac.repeats-heads/1"

  private let model: String
  private let kernels: String
  private let measures: HeadMeasures

  package init(model: String, kernels: String, _ measures: HeadMeasures) {
    self.model = model
    self.kernels = kernels
    self.measures = measures
  }

  private var table: HeadTable { HeadTable(grid: measures.grid, columns: measures.columns) }

  /// The number of pairs of heads that the text shows for each kind of composition.
  private static let shownPairCount = 5

  package var sections: [Section] {
    var all: [Section] = [
      table.section,
      .facts([
        Section.Fact("model", model.printable), Section.Fact("heads", measures.grid.text),
        Section.Fact("kernels", kernels),
      ]),
    ]
    if let composition = measures.composition, measures.grid.layerCount > 1 {
      all.insert(.table(pairs(composition)), at: 1)
    }
    return all
  }

  /// Returns the pairs with the strongest composition of each kind.
  private func pairs(_ composition: HeadComposition) -> Table {
    let grid = measures.grid
    let kinds = [("Q", composition.queries), ("K", composition.keys), ("V", composition.values)]
    let rows = kinds.flatMap { kind, values in
      let order = values.indices.filter { values[$0] > 0 }.sorted {
        (values[$0], $1) > (values[$1], $0)
      }
      return order.prefix(Self.shownPairCount).map { place in
        [
          kind, grid.name(of: place / grid.count), grid.name(of: place % grid.count),
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

  package var records: Table { table.records }
  package var lines: [JSONValue] { table.lines }

  package var members: JSONObject {
    var members = table.header(model: model, kernels: kernels)
    table.add(to: &members)
    let sizes = [measures.grid.headCount, measures.grid.layerCount, measures.grid.headCount]
    members["composition"] =
      measures.composition.map { composition in
        .object([
          "q": composition.queries.nested(by: sizes), "k": composition.keys.nested(by: sizes),
          "v": composition.values.nested(by: sizes),
        ])
      } ?? .null
    return members
  }
}
