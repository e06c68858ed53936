import Base
import Reporting

/// The distances of blocks in reports.
extension LayerComparison {
  /// Returns a table of blocks and the verdict; nothing if no blocks were compared.
  static func sections(_ layers: [LayerComparison]) -> [Section] {
    guard !layers.isEmpty else { return [] }
    let table = Table(
      [
        Table.Column("block", alignsRight: true), Table.Column("distance", alignsRight: true),
        Table.Column("of its work", alignsRight: true),
        Table.Column("input that differs most", alignsRight: true), Table.Column(""),
        Table.Column(""),
      ],
      rows: layers.map { layer in
        [
          "\(layer.layer)", layer.relativeDistance.percent, layer.blockError.percent,
          layer.worstInput?.distance.percent ?? "", layer.worstInput?.name.printable ?? "",
          layer.isBroken ? "broken" : "",
        ]
      })
    let verdict: String =
      if let first = layers.first(where: \.isBroken) {
        "block \(first.layer) is the first that is broken: \(first.reason)"
      } else { "no block is broken" }
    return [.table(table), .line(verdict)]
  }

  private var reason: String {
    guard let worst = worstInput, worst.distance > blockError else {
      return "\(blockError.percent) of what it does differs from the base"
    }
    return "what \(worst.name.printable) reads differs by \(worst.distance.percent)"
  }

  static func json(_ layers: [LayerComparison]) -> JSONValue {
    .array(
      layers.map { layer in
        .object([
          "block": JSONValue(layer.layer), "distance": JSONValue(layer.relativeDistance),
          "block_error": JSONValue(layer.blockError),
          "worst_input": layer.worstInput.map { .string($0.name) } ?? .null,
          "worst_input_distance": JSONValue(layer.worstInput?.distance ?? 0),
          "broken": .bool(layer.isBroken),
        ])
      })
  }
}

extension Double {
  fileprivate var percent: String { "\((100 * self).fixed(decimals: 2)) %" }
}
