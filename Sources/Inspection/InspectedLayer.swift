import Base
import Checkpoints
import Models
import Reporting
import Surveys
import TensorCore

/// The tensors of a layer together, or a tensor outside of the layers.
package struct InspectedLayer: Sendable {
  /// The name of the layer, such as `model.layers.7`, or of the tensor.
  package let name: String
  package private(set) var tensorCount = 0
  package private(set) var valueCount = 0
  package private(set) var byteCount = 0
  package private(set) var storedByteCount = 0
  /// The number of zeros and the Euclidean norm of the values; nil without statistics.
  package private(set) var zeroCount: Int?
  package private(set) var norm: Double?

  private init(name: String) { self.name = name }

  /// Returns the layers of the rows; layers of equal rank stay in the order of the catalog.
  static func layers(
    of rows: [Inspection.Row], sortKey: Inspection.SortKey
  ) -> [InspectedLayer] {
    var layers: [InspectedLayer] = []
    var indices: [UTF8Key: Int] = [:]
    for row in rows {
      let parts = LayerNames.parts(of: row.tensor.name)
      let name = parts.map { "\($0.prefix)\($0.index)" } ?? row.tensor.name
      let index = indices[UTF8Key(name)] ?? layers.count
      if index == layers.count {
        indices[UTF8Key(name)] = index
        layers.append(InspectedLayer(name: name))
      }
      layers[index].add(row)
    }
    return layers.sorted(by: sortKey)
  }

  private mutating func add(_ row: Inspection.Row) {
    tensorCount += 1
    guard row.tensor.aliasOf == nil else { return }
    valueCount += row.tensor.info.elementCount
    byteCount += row.tensor.info.byteCount
    storedByteCount += row.tensor.stored.byteCount
    guard let moments = row.statistics?.moments else { return }
    zeroCount = (zeroCount ?? 0) + moments.zeros
    let squares = (norm ?? 0) * (norm ?? 0) + moments.euclideanNorm * moments.euclideanNorm
    norm = squares.squareRoot()
  }

  /// The members in JSON: the same keys for every layer.
  var json: JSONObject {
    [
      "layer": .string(name), "tensor_count": JSONValue(tensorCount),
      "value_count": JSONValue(valueCount), "bytes": JSONValue(byteCount),
      "stored_bytes": JSONValue(storedByteCount),
      "zeros": zeroCount.map { JSONValue($0) } ?? .null, "l2": norm.map { JSONValue($0) } ?? .null,
    ]
  }

  /// Returns a table with a row for each layer; `total` is the number of values of the model.
  static func table(_ layers: [InspectedLayer], total: Int) -> Table {
    let hasStatistics = layers.contains { $0.zeroCount != nil }
    let titles =
      ["tensors", "values", "share", "bytes", "stored"] + (hasStatistics ? ["zeros", "L2"] : [])
    return Table(
      [Table.Column("layer")] + titles.map { Table.Column($0, alignsRight: true) },
      rows: layers.map { layer in
        func percent(_ part: Int, of whole: Int) -> String {
          whole == 0 ? "-" : "\((100 * Double(part) / Double(whole)).fixed(decimals: 2)) %"
        }
        let cells = [
          layer.name.printable, layer.tensorCount.grouped, layer.valueCount.grouped,
          percent(layer.valueCount, of: total), layer.byteCount.grouped,
          layer.storedByteCount.grouped,
        ]
        guard hasStatistics else { return cells }
        return cells + [
          layer.zeroCount.map { percent($0, of: layer.valueCount) } ?? "-",
          layer.norm?.short ?? "-",
        ]
      })
  }
}

extension [InspectedLayer] {
  fileprivate func sorted(by key: Inspection.SortKey) -> [InspectedLayer] {
    func stably(_ precedes: (InspectedLayer, InspectedLayer) -> Bool) -> [InspectedLayer] {
      enumerated().sorted { left, right in
        if precedes(left.element, right.element) { return true }
        if precedes(right.element, left.element) { return false }
        return left.offset < right.offset
      }.map(\.element)
    }
    return switch key {
    case .catalog, .offset, .dtype, .error: self
    case .name: stably { $0.name.precedesAsBytes($1.name) }
    case .size: stably { $0.byteCount > $1.byteCount }
    case .stored: stably { $0.storedByteCount > $1.storedByteCount }
    }
  }
}
