import Base
import Checkpoints
import Models
import Reporting

/// The tensors of a layer together, or a tensor outside of the layers.
package struct InspectedLayer: Sendable {
  /// The name of the layer, such as `model.layers.7`, or of the tensor.
  package let name: String
  /// True if this is a layer, and not a tensor outside of the layers.
  let isNumbered: Bool
  private(set) var sums = LayerSums()
  /// The sums by kind of tensor, such as `self_attn.q_proj`, in the order of the catalog; empty outside of the layers.
  private(set) var kinds: [(name: String, sums: LayerSums)] = []
  private var kindIndices: [String: Int] = [:]

  private init(name: String, isNumbered: Bool) {
    self.name = name
    self.isNumbered = isNumbered
  }

  /// Returns the layers of the rows; layers of equal rank stay in the order of the catalog.
  static func layers(
    of rows: [Inspection.Row], sortKey: Inspection.SortKey
  ) -> [InspectedLayer] {
    var layers: [InspectedLayer] = []
    var indices: [UTF8Key: Int] = [:]
    for row in rows {
      let place = LayerNames.parts(of: row.tensor.name)
      let name = place.map { "\($0.prefix)\($0.index)" } ?? row.tensor.name
      let index = indices[UTF8Key(name)] ?? layers.count
      if index == layers.count {
        indices[UTF8Key(name)] = index
        layers.append(InspectedLayer(name: name, isNumbered: place != nil))
      }
      layers[index].add(row, place)
    }
    return layers.sorted(by: sortKey)
  }

  private mutating func add(_ row: Inspection.Row, _ place: LayerNames.Parts?) {
    sums.add(row)
    guard let kind = place.map({ LayerKind($0).name }) else { return }
    let index = kindIndices[kind] ?? kinds.count
    if index == kinds.count {
      kindIndices[kind] = index
      kinds.append((name: kind, sums: LayerSums()))
    }
    kinds[index].sums.add(row)
  }

  /// Returns the sums of a kind; nil if the layer has no tensor of it.
  func sums(ofKind name: String) -> LayerSums? { kindIndices[name].map { kinds[$0].sums } }

  /// The members in JSON: the same keys for every layer.
  var json: JSONObject {
    var object: JSONObject = ["layer": .string(name)]
    for (key, value) in sums.json { object[key] = value }
    object["kinds"] = .array(
      kinds.map { kind in
        var members: JSONObject = ["kind": .string(kind.name)]
        for (key, value) in kind.sums.json { members[key] = value }
        return .object(members)
      })
    return object
  }

  // MARK: Tables

  /// Returns tables with a row for each layer: sizes, and the measures that there are; `total` is the number of values of
  /// the model.
  static func tables(_ layers: [InspectedLayer], total: Int) -> [Table] {
    func percent(_ part: Int, of whole: Int) -> String {
      whole == 0 ? "-" : "\((100 * Double(part) / Double(whole)).fixed(decimals: 2)) %"
    }
    let sizes = Table(
      columns(["tensors", "values", "share", "bytes", "stored"]),
      rows: layers.map { layer in
        [
          layer.name.printable, layer.sums.tensorCount.grouped, layer.sums.valueCount.grouped,
          percent(layer.sums.valueCount, of: total), layer.sums.byteCount.grouped,
          layer.sums.storedByteCount.grouped,
        ]
      })
    let measures: [(title: String, text: (LayerSums) -> String?)] = [
      ("zeros", { sums in sums.zeroShare.map { "\((100 * $0).fixed(decimals: 2)) %" } }),
      ("L2", { $0.norm?.short }), ("PQI", { $0.pqIndex?.fixed(decimals: 4) }),
      ("error", { $0.relativeError.map(Inspection.percent) }),
    ].filter { measure in layers.contains { measure.1($0.sums) != nil } }
    guard !measures.isEmpty else { return [sizes] }
    let found = Table(
      columns(measures.map(\.title)),
      rows: layers.map { layer in
        [layer.name.printable] + measures.map { $0.text(layer.sums) ?? "-" }
      })
    return [sizes, found]
  }

  private static func columns(_ titles: [String]) -> [Table.Column] {
    [Table.Column("layer")] + titles.map { Table.Column($0, alignsRight: true) }
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
    /// Layers without the measure come last.
    func largestFirst(_ measure: (LayerSums) -> Double?) -> [InspectedLayer] {
      stably { (measure($0.sums) ?? -1) > (measure($1.sums) ?? -1) }
    }
    return switch key {
    case .catalog, .offset, .dtype: self
    case .name: stably { $0.name.precedesAsBytes($1.name) }
    case .size: stably { $0.sums.byteCount > $1.sums.byteCount }
    case .stored: stably { $0.sums.storedByteCount > $1.sums.storedByteCount }
    case .error: largestFirst(\.relativeError)
    case .pqi: largestFirst(\.pqIndex)
    case .zeros: largestFirst(\.zeroShare)
    }
  }
}
