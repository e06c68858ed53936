import Base
import Reporting

/// Maps of a measure over layers and kinds of tensors as text: a row for each layer, a block for each kind.
struct LayerMaps {
  /// A measure that is drawn as a map.
  private struct Measure {
    var name: String
    var value: @Sendable (LayerSums) -> Double?
    /// Returns a value as text.
    var text: @Sendable (Double) -> String
    /// True if the lowest block stands for 0, and not for the smallest value.
    var startsAtZero: Bool
  }

  private static let measures: [Measure] = [
    Measure(
      name: "PQ Index", value: { $0.pqIndex }, text: { $0.fixed(decimals: 4) },
      startsAtZero: false),
    Measure(name: "zeros", value: { $0.zeroShare }, text: Inspection.percent, startsAtZero: true),
    Measure(
      name: "error", value: { $0.relativeError }, text: Inspection.percent, startsAtZero: true),
    Measure(
      name: "bits", value: { $0.bitsPerValue }, text: { $0.fixed(decimals: 2) },
      startsAtZero: false),
  ]

  /// The letters that stand for kinds.
  private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  /// The maximum number of kinds that have an empty column between them, so that lines fit into 80 columns.
  private static let spacedCount = 26

  private let layers: [InspectedLayer]
  /// The kinds of all layers in the order of the catalog, up to the number of letters.
  private let kinds: [String]
  /// The number of kinds that are left out.
  private let hiddenCount: Int

  /// - Parameter layers: Layers in the order of the rows; tensors outside of the layers are left out.
  init(_ layers: [InspectedLayer]) {
    self.layers = layers.filter(\.isNumbered)
    var seen: Set<String> = []
    let all = self.layers.flatMap(\.kinds).map(\.name).filter { seen.insert($0).inserted }
    kinds = Array(all.prefix(Self.letters.count))
    hiddenCount = all.count - kinds.count
  }

  /// The names of the kinds, the scales, and a map of each measure whose values differ; empty if there is none.
  var sections: [Section] {
    var scales: [Section.Fact] = []
    var maps: [Section] = []
    for measure in Self.measures {
      guard let (scale, map) = drawn(measure) else { continue }
      scales.append(scale)
      maps.append(.table(map))
    }
    guard !maps.isEmpty else { return [] }
    var names = zip(Self.letters, kinds).map { letter, kind in
      "\(letter)=\(kind.isEmpty ? "weight" : kind.printable)"
    }
    if hiddenCount > 0 {
      names.append("and \(hiddenCount.grouped) more, which the JSON form lists")
    }
    return [.facts([Section.Fact("kinds", names.joined(separator: " "))] + scales)] + maps
  }

  /// Returns the scale and the map of a measure; nil if all its values are equal or there are none.
  private func drawn(_ measure: Measure) -> (Section.Fact, Table)? {
    let rows = layers.map { layer in
      kinds.map { layer.sums(ofKind: $0).flatMap(measure.value) }
    }
    let values = rows.joined().compactMap(\.self)
    let finite = values.filter(\.isFinite)
    let (smallest, largest) = (finite.min() ?? 0, finite.max() ?? 0)
    guard values.contains(where: { $0 != values[0] }) else { return nil }
    let separator = kinds.count > Self.spacedCount ? "" : " "
    func block(_ value: Double?) -> Character {
      guard let value else { return " " }
      guard value.isFinite else { return "!" }
      if measure.startsAtZero { return Glyphs.level(largest > 0 ? value / largest : 0) }
      // The smallest value has the lowest block.
      let share = largest > smallest ? (value - smallest) / (largest - smallest) : 0
      return Glyphs.level((1 + 7 * share) / 8)
    }
    let map = Table(
      [
        Table.Column(measure.name),
        Table.Column(
          kinds.indices.map { String(Self.letters[$0]) }.joined(separator: separator),
          drawing: .levels),
      ],
      rows: zip(layers, rows).map { layer, values in
        [
          layer.name.printable, values.map { String(block($0)) }.joined(separator: separator),
        ]
      })
    var scale =
      "from \(measure.text(smallest)) (\(block(smallest))) to \(measure.text(largest)) "
      + "(\(block(largest)))"
    if finite.count < values.count { scale += "; ! is not finite" }
    return (Section.Fact(measure.name, scale), map)
  }
}
