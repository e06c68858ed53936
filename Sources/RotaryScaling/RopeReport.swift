package import Base
import Models
package import Reporting
import Rotary
import TensorCore

/// The report of `rope show`.
package struct RopeReport: Report {
  package static let schema = "sumac.rope/1"

  private let series: [RopeSeries]

  /// - Parameter series: the kinds of layers of the model, then those of the models and methods to compare.
  package init(_ series: [RopeSeries]) { self.series = series }

  // MARK: Text

  package var sections: [Section] {
    series.flatMap { [.facts(facts($0)), .table(table($0))] } + [.line("")]
      + plot.map { .line($0) }
  }

  private func facts(_ one: RopeSeries) -> [Section.Fact] {
    var facts = [
      Section.Fact("rope", title(one)),
      Section.Fact(
        "heads",
        "\(one.settings.rotaryDim) of \(one.settings.headDim + one.settings.plainDim) dimensions rotate, base "
          + Self.number(one.settings.theta)),
    ]
    if let layers = one.settings.layers { facts.append(Section.Fact("layers", layers.summary)) }
    if let trained = one.settings.originalLength {
      facts.append(Section.Fact("trained", "\(trained.grouped) positions"))
    }
    if let length = one.length {
      facts.append(Section.Fact("shown for", "\(length.grouped) positions"))
    }
    facts.append(Section.Fact("scores", attention(one)))
    if let time = one.found.time { facts.append(Section.Fact("CLEX", clex(one, time: time))) }
    return facts
  }

  private func title(_ one: RopeSeries) -> String {
    one.name.printable + ", " + one.settings.typeName.printable
      + (one.kind.map { ", " + $0.printable } ?? "")
  }

  private func attention(_ one: RopeSeries) -> String {
    let factor = one.found.attentionFactor
    var parts: [String] = []
    if factor != 1 {
      let part = one.settings.plainDim > 0 ? " in the part that rotates" : ""
      parts.append(
        "multiplied by \((factor * factor).fixed(decimals: 4))\(part) (attention factor \(factor))")
    }
    if let scores = YarnRope.scoreFactor(one.settings), scores != 1 {
      parts.append("multiplied by \(scores.fixed(decimals: 4)) in all parts (mscale_all_dim)")
    }
    return parts.isEmpty ? "as trained" : parts.joined(separator: ", ")
  }

  private func clex(_ one: RopeSeries, time: Int) -> String {
    "solved for \(time) times the trained length"
      + (one.settings.clex?.isTrained == true ? "" : ", without trained tensors: NTK-aware scaling")
  }

  private static func number(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    if value >= 1000, value < 1e15, let whole = Int(exactly: value.rounded()) {
      return whole.grouped
    }
    if value != 0, value.magnitude < 0.1 { return Self.small(value) }
    return value.formatted(digits: 4)
  }

  /// Returns a length; one over 10^15 positions as that number.
  private static func positions(_ length: Double) -> String {
    Int(min(length, 1e15).rounded()).grouped  // fits: from 0 to 10^15
  }

  /// Returns the number with three decimals and an exponent.
  private static func small(_ value: Double) -> String {
    var (digits, exponent) = (value, 0)
    while digits.magnitude < 1, exponent > -400 {
      digits *= 10
      exponent -= 1
    }
    return "\(digits.fixed(decimals: 3))e\(exponent)"
  }

  private func table(_ one: RopeSeries) -> Table {
    Table(
      ["pair", "frequency", "wavelength", "slower by", "seen to"].map {
        Table.Column($0, alignsRight: true)
      },
      rows: one.found.inverse.indices.map { pair in
        [
          String(pair), Self.number(one.found.inverse[pair]),
          Self.number(one.wavelength(pair)), one.factor(pair).map(Self.number) ?? "-",
          one.limit(pair).map(Self.positions) ?? "any length",
        ]
      })
  }

  // MARK: Plot

  /// The lines of a plot of how much slower each pair rotates, with a mark for each series.
  private var plot: [String] {
    let curves = series.map { one in one.found.inverse.indices.map { one.factor($0) ?? 1 } }
    let largest = curves.flatMap(\.self).max() ?? 1
    guard largest > 1.001, let count = curves.map(\.count).max(), count > 1 else { return [] }
    let (height, width) = (10, min(64, count))
    let marks = Array("*o+x#")
    var lines = Array(
      repeating: Array(repeating: Character(" "), count: width), count: height + 1)
    let top = Power.log(largest)
    for (number, curve) in curves.enumerated() {
      for column in 0..<width {
        let pair = column * (curve.count - 1) / max(1, width - 1)
        let level = Power.log(max(1, curve[pair])) / top
        let row = height - min(height, Int(exactly: (level * Double(height)).rounded()) ?? height)
        lines[row][column] = marks[number % marks.count]
      }
    }
    var text = ["slower than trained, by pair of dimensions (logarithmic)"]
    for (row, line) in lines.enumerated() {
      let label = row == 0 ? Self.number(largest) : row == height ? "1" : ""
      text.append(
        String(repeating: " ", count: max(0, 9 - label.count)) + label + " |" + String(line))
    }
    text.append(String(repeating: " ", count: 10) + "+" + String(repeating: "-", count: width))
    for (number, one) in series.enumerated() where series.count > 1 {
      text.append(
        "\(String(repeating: " ", count: 10)) \(marks[number % marks.count]) \(title(one))")
    }
    return text.map { line in
      var line = line[...]
      while line.last == " " { line.removeLast() }
      return String(line)
    }
  }

  // MARK: Data

  private func json(_ one: RopeSeries) -> JSONObject {
    var object: JSONObject = [
      "name": .string(one.name), "rope_type": .string(one.settings.typeName),
      "layer_type": one.kind.map { .string($0) } ?? .null,
      "length": one.length.map { JSONValue($0) } ?? .null,
      "head_dim": JSONValue(one.settings.headDim),
      "rotary_dim": JSONValue(one.settings.rotaryDim),
      "plain_dim": JSONValue(one.settings.plainDim),
      "rotated_layers": one.settings.layers?.json ?? .null,
      "rope_theta": JSONValue(one.settings.theta),
      "original_max_position_embeddings": one.settings.originalLength.map { JSONValue($0) }
        ?? .null,
      "inv_freq": .array(one.found.inverse.map { JSONValue($0) }),
      "attention_factor": JSONValue(one.found.attentionFactor),
      "score_factor": YarnRope.scoreFactor(one.settings).map { JSONValue($0) } ?? .null,
      "factors": .array(
        one.found.inverse.indices.map { pair in
          one.factor(pair).map { JSONValue($0) } ?? .null
        }),
      "seen_to": .array(
        one.found.inverse.indices.map { pair in
          one.limit(pair).map { JSONValue($0) } ?? .null
        }),
    ]
    if let time = one.found.time { object["t"] = JSONValue(time) }
    return object
  }

  package var members: JSONObject {
    guard let first = series.first else { return JSONObject() }
    var object = json(first)
    if series.count > 1 {
      object["others"] = .array(series.dropFirst().map { .object(json($0)) })
    }
    return object
  }

  package var lines: [JSONValue] { series.map { .object(json($0)) } }

  package var records: Table {
    let columns = ["name", "layer_type", "pair", "inv_freq", "wavelength", "factor", "seen_to"]
    return Table(
      columns.map { Table.Column($0) },
      rows: series.flatMap { one in
        one.found.inverse.indices.map { pair in
          [
            one.name, one.kind ?? "", String(pair), String(one.found.inverse[pair]),
            String(one.wavelength(pair)), one.factor(pair).map { String($0) } ?? "",
            one.limit(pair).map { String($0) } ?? "",
          ]
        }
      })
  }
}

extension RotatedLayers {
  /// A short phrase for reports.
  var summary: String {
    switch self {
    case .some(let rotated, let total): "\(rotated) of \(total) rotate"
    case .windows: "only those with a window rotate"
    }
  }

  fileprivate var json: JSONValue {
    switch self {
    case .some(let rotated, _): JSONValue(rotated)
    case .windows: "windows"
    }
  }
}
