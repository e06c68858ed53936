import Base
import Reporting

/// A measure with a value for each head of a model, as reports show it.
package struct HeadColumn: Sendable, Equatable {
  /// The name in JSON and CSV.
  package let name: String
  /// The name in text.
  package let title: String
  /// Layer by layer, head by head.
  package let values: [Double]

  package init(_ name: String, _ title: String, _ values: [Double]) {
    self.name = name
    self.title = title
    self.values = values
  }

  /// The mean over all heads.
  package var mean: Double { values.reduce(0, +) / Double(max(1, values.count)) }
  /// The head with the largest value, the first of equals.
  package var top: Int { values.indices.max { values[$0] < values[$1] } ?? 0 }

  /// The values as a list of layers.
  func json(headCount: Int) -> JSONValue { values.nested(by: [headCount]) }
}

extension [Double] {
  /// Returns nested lists whose inner dimensions are `sizes`, outermost first.
  func nested(by sizes: [Int]) -> JSONValue {
    guard let size = sizes.last else { return .array(map { JSONValue($0) }) }
    let inner = sizes.reduce(1, *)
    guard sizes.count == 1 else {
      return .array(
        stride(from: 0, to: count, by: inner).map {
          [Double](self[$0..<$0 + inner]).nested(by: [Int](sizes.dropFirst()))
        })
    }
    return .array(
      stride(from: 0, to: count, by: size).map { start in
        .array(self[start..<start + size].map { JSONValue($0) })
      })
  }
}

extension [HeadColumn] {
  /// A row for each head, named `LAYER.HEAD`, with four decimals.
  func table(headCount: Int) -> Table {
    let columns = self
    return Table(
      [Table.Column("head")] + map { Table.Column($0.title, alignsRight: true) },
      rows: LazyRows(count: first?.values.count ?? 0) { head in
        ["\(head / headCount).\(head % headCount)"]
          + columns.map { $0.values[head].fixed(decimals: 4) }
      })
  }

  /// A row for each head with all digits.
  func records(headCount: Int) -> Table {
    let columns = self
    return Table(
      (["layer", "head"] + map(\.name)).map { Table.Column($0) },
      rows: LazyRows(count: first?.values.count ?? 0) { head in
        ["\(head / headCount)", "\(head % headCount)"] + columns.map { "\($0.values[head])" }
      })
  }

  /// An object for each head.
  func lines(headCount: Int) -> [JSONValue] {
    (0..<(first?.values.count ?? 0)).map { head in
      var object: JSONObject = [
        "layer": JSONValue(head / headCount), "head": JSONValue(head % headCount),
      ]
      for column in self { object[column.name] = JSONValue(column.values[head]) }
      return .object(object)
    }
  }
}
