package import Base
package import Reporting

/// A fit of losses: the law, effective sizes and humps.
package struct FitReport: Report {
  package static let schema = "sumac.repeats-fit/1"

  private let path: String
  private let curves: LossCurves

  package init(path: String, _ curves: LossCurves) {
    self.path = path
    self.curves = curves
  }

  package var sections: [Section] {
    var all: [Section] = []
    switch curves.law {
    case .power(let law):
      all.append(
        .line(
          "L = \(law.floor > 0 ? "\(law.floor.short) + " : "")\(law.factor.short) N^-\(law.exponent.short)"
        ))
    case .chinchilla(let law):
      all.append(
        .line(
          "L = \(law.floor.short) + \(law.sizeFactor.short) N^-\(law.sizeExponent.short) "
            + "+ \(law.tokenFactor.short) D^-\(law.tokenExponent.short)"))
    case nil: break
    }
    if !curves.effectiveSizes.isEmpty { all.append(.table(effectiveTable)) }
    if !curves.curves.isEmpty { all.append(.table(humpTable)) }
    var facts = [Section.Fact("data", path.printable)]
    if curves.law != nil {
      facts.append(
        Section.Fact(
          "fit",
          "\(curves.rowCount.counted("row"))\(curves.fitsLastSteps ? " at the last step of each size" : "")"
            + ", largest error \((100 * curves.largestError).short) %")
      )
    }
    return all + [.facts(facts)]
  }

  private var effectiveTable: Table {
    let titles = ["parameters", "repeats", "loss", "expected", "effective", "ratio"]
    return Table(
      titles.map { Table.Column($0, alignsRight: true) },
      rows: curves.effectiveSizes.map { row in
        [
          row.size.short, row.repeats?.short ?? "-", row.loss.fixed(decimals: 4),
          row.expectedLoss.fixed(decimals: 4), row.effective?.short ?? "none",
          row.ratio?.fixed(decimals: 4) ?? "-",
        ]
      })
  }

  private var humpTable: Table {
    let showsRepeats = curves.curves.contains { $0.repeats != nil }
    let titles =
      ["parameters"] + (showsRepeats ? ["repeats"] : [])
      + ["hump at", "loss", "prominence", "largest rise"]
    return Table(
      titles.map { Table.Column($0, alignsRight: true) },
      rows: curves.curves.map { curve in
        let hump = curve.search.hump
        return [curve.size?.short ?? "-"] + (showsRepeats ? [curve.repeats?.short ?? "-"] : [])
          + [
            hump?.x.short ?? "none", hump?.loss.fixed(decimals: 4) ?? "-",
            hump?.prominence.fixed(decimals: 4) ?? "-",
            curve.search.largestRise.fixed(decimals: 4),
          ]
      })
  }

  package var records: Table {
    let titles = [
      "parameters", "repeats", "loss", "expected_loss", "effective_parameters", "ratio",
    ]
    return Table(
      titles.map { Table.Column($0) },
      rows: curves.effectiveSizes.map { row in
        [
          "\(row.size)", row.repeats.map { "\($0)" } ?? "", "\(row.loss)", "\(row.expectedLoss)",
          row.effective.map { "\($0)" } ?? "", row.ratio.map { "\($0)" } ?? "",
        ]
      })
  }

  package var members: JSONObject {
    [
      "data": .string(path), "law": law, "rows": JSONValue(curves.rowCount),
      "largest_relative_error": JSONValue(curves.largestError),
      "effective": .array(lines),
      "curves": .array(curves.curves.map(Self.json)),
    ]
  }

  private var law: JSONValue {
    switch curves.law {
    case .power(let law):
      .object([
        "kind": .string("power"), "E": JSONValue(law.floor), "A": JSONValue(law.factor),
        "alpha": JSONValue(law.exponent), "squared_error": JSONValue(law.squaredError),
      ])
    case .chinchilla(let law):
      .object([
        "kind": .string("chinchilla"), "E": JSONValue(law.floor), "A": JSONValue(law.sizeFactor),
        "alpha": JSONValue(law.sizeExponent), "B": JSONValue(law.tokenFactor),
        "beta": JSONValue(law.tokenExponent), "objective": JSONValue(law.objective),
      ])
    case nil: .null
    }
  }

  package var lines: [JSONValue] {
    curves.effectiveSizes.map { row in
      .object([
        "parameters": JSONValue(row.size),
        "repeats": row.repeats.map { JSONValue($0) } ?? .null, "loss": JSONValue(row.loss),
        "expected_loss": JSONValue(row.expectedLoss),
        "effective_parameters": row.effective.map { JSONValue($0) } ?? .null,
        "ratio": row.ratio.map { JSONValue($0) } ?? .null,
      ])
    }
  }

  private static func json(_ curve: LossCurves.Curve) -> JSONValue {
    let search = curve.search
    return .object([
      "parameters": curve.size.map { JSONValue($0) } ?? .null,
      "repeats": curve.repeats.map { JSONValue($0) } ?? .null, "window": JSONValue(search.window),
      "least_prominence": JSONValue(search.leastProminence),
      "largest_rise": JSONValue(search.largestRise), "hump": JSONValue(search.hump != nil),
      "peaks": .array(
        search.peaks.map { peak in
          .object([
            "index": JSONValue(peak.index), "x": JSONValue(peak.x), "loss": JSONValue(peak.loss),
            "prominence": JSONValue(peak.prominence),
          ])
        }),
    ])
  }
}
