import Base
import Charts
import InductionHeads
import Reporting
import ScalingLaws

/// The forms of the report.
extension SweepReport {
  var sections: [Section] {
    var all: [Section] = [.table(lossTable), .table(headTable)]
    if !curves.isEmpty { all.append(.table(humpTable)) }
    if let law {
      all.append(
        .line(
          "Without repeats: L = \(law.floor > 0 ? "\(law.floor.short) + " : "")\(law.factor.short) "
            + "N^-\(law.exponent.short)"))
    }
    return all + [
      .facts([
        Section.Fact("sweep", recipe.path.printable),
        Section.Fact("trainings", "\(rows.count.grouped) of \(recipe.tokens.grouped) tokens"),
        Section.Fact("output", "\(folder.printable), with sweep.csv, sweep.json and sweep.svg"),
      ])
    ]
  }

  private static func fixed(_ value: Double?) -> String { value?.fixed(decimals: 4) ?? "-" }

  private static func table(_ names: [String], _ numbers: [String], _ rows: [[String]]) -> Table {
    Table(
      names.map { Table.Column($0) } + numbers.map { Table.Column($0, alignsRight: true) },
      rows: rows)
  }

  private var lossTable: Table {
    Self.table(
      ["size", "data"],
      [
        "parameters", "times", "seeds", "train loss", "subset loss", "test loss", "deviation",
        "difference", "effective",
      ],
      groups.map { group in
        let base = base(of: group)
        return [
          group.size, group.variant.text, group.parameterCount.grouped,
          group.mean(\.times)?.short ?? "-", group.rows.count.grouped,
          Self.fixed(group.mean(\.trainingLoss)), Self.fixed(group.mean(\.subsetLoss)),
          Self.fixed(group.meanLoss), Self.fixed(group.deviation),
          group.variant == .unique ? "-" : Self.fixed(base.map { group.meanLoss - $0.meanLoss }),
          group.variant == .unique ? "-" : Self.fixed(effective(group)?.ratio),
        ]
      })
  }

  private var headTable: Table {
    Self.table(
      ["size", "data"],
      ["prefix matching", "circuit copying", "previous token", "first loss", "induction loss"],
      groups.map { group in
        [group.size, group.variant.text]
          + ["prefix_matching", "circuit_copying", "previous_token"].map { name in
            Self.fixed(group.mean { $0.heads[name]?.highest })
          } + [
            Self.fixed(group.mean(\.heads.firstLoss)),
            Self.fixed(group.mean(\.heads.inductionLoss)),
          ]
      })
  }

  private var humpTable: Table {
    Self.table(
      ["size"], ["share", "hump at", "loss", "prominence", "largest rise"],
      curves.map { curve in
        let hump = curve.search.hump
        return [
          curve.size, curve.share.briefPercentage, hump?.x.short ?? "none",
          Self.fixed(hump?.loss), Self.fixed(hump?.prominence),
          Self.fixed(curve.search.largestRise),
        ]
      })
  }

  // MARK: CSV

  var records: Table {
    let names = [
      "name", "size", "parameters", "control", "share", "repeats", "times", "seed", "steps",
      "tokens", "distinct_tokens", "train_loss", "subset_loss", "test_loss",
      "effective_parameters", "ratio",
    ]
    let titles = names + HeadSummary.names + ["first_loss", "induction_loss"]
    return Table(titles.map { Table.Column($0) }, rows: rows.map(Self.record))
  }

  private static func record(_ row: Row) -> [String] {
    let (member, result) = (row.member, row.result)
    func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
    return [
      member.name, member.size, "\(result.parameterCount)", "\(member.variant.isControl)",
      "\(member.variant.share)", "\(member.variant.times)", "\(result.times)", "\(member.seed)",
      "\(result.stepCount)", "\(result.tokens)", "\(result.distinctTokens)",
      "\(result.trainingLoss)", text(result.subsetLoss), "\(result.testLoss)",
      text(row.effective?.effective), text(row.effective?.ratio),
    ] + result.heads.measures.map { "\($0.highest)" }
      + ["\(result.heads.firstLoss)", "\(result.heads.inductionLoss)"]
  }

  // MARK: JSON

  var members: JSONObject {
    [
      "recipe": .string(recipe.path), "folder": .string(folder),
      "tokens": JSONValue(recipe.tokens), "law": law.map(Self.json) ?? .null,
      "groups": .array(groups.map(json)),
      "curves": .array(curves.map(Self.json)), "members": .array(lines),
    ]
  }

  var lines: [JSONValue] { rows.map(Self.json) }

  private static func json(_ value: Double?) -> JSONValue { value.map { JSONValue($0) } ?? .null }

  private static func json(_ law: PowerLaw) -> JSONValue {
    .object([
      "kind": .string("power"), "E": JSONValue(law.floor), "A": JSONValue(law.factor),
      "alpha": JSONValue(law.exponent), "squared_error": JSONValue(law.squaredError),
    ])
  }

  private func json(_ group: Group) -> JSONValue {
    let base = group.variant == .unique ? nil : base(of: group)
    return .object([
      "size": .string(group.size), "parameters": JSONValue(group.parameterCount),
      "control": .bool(group.variant.isControl), "share": JSONValue(group.variant.share),
      "repeats": JSONValue(group.variant.times), "times": Self.json(group.mean(\.times)),
      "seeds": JSONValue(group.rows.count), "test_loss": JSONValue(group.meanLoss),
      "deviation": Self.json(group.deviation), "lowest": Self.json(group.testLosses.min()),
      "highest": Self.json(group.testLosses.max()),
      "difference": Self.json(base.map { group.meanLoss - $0.meanLoss }),
      "subset_loss": Self.json(group.mean(\.subsetLoss)),
      "effective_parameters": Self.json(effective(group)?.effective),
      "ratio": Self.json(effective(group)?.ratio),
      "heads": .object(
        JSONObject(
          HeadSummary.names.map { name in
            (name, Self.json(group.mean { $0.heads[name]?.highest }))
          })),
      "induction_loss": Self.json(group.mean(\.heads.inductionLoss)),
    ])
  }

  private static func json(_ curve: Curve) -> JSONValue {
    let hump = curve.search.hump
    return .object([
      "size": .string(curve.size), "share": JSONValue(curve.share),
      "hump_at": json(hump?.x), "loss": json(hump?.loss), "prominence": json(hump?.prominence),
      "least_prominence": JSONValue(curve.search.leastProminence),
      "largest_rise": JSONValue(curve.search.largestRise),
    ])
  }

  private static func json(_ row: Row) -> JSONValue {
    let (member, result) = (row.member, row.result)
    return .object([
      "name": .string(member.name), "size": .string(member.size),
      "parameters": JSONValue(result.parameterCount), "control": .bool(member.variant.isControl),
      "share": JSONValue(member.variant.share), "repeats": JSONValue(member.variant.times),
      "times": JSONValue(result.times), "seed": JSONValue(member.seed),
      "steps": JSONValue(result.stepCount), "tokens": JSONValue(result.tokens),
      "distinct_tokens": JSONValue(result.distinctTokens),
      "train_loss": JSONValue(result.trainingLoss), "subset_loss": json(result.subsetLoss),
      "test_loss": JSONValue(result.testLoss),
      "effective_parameters": json(row.effective?.effective), "ratio": json(row.effective?.ratio),
      "heads": .object(
        JSONObject(
          result.heads.measures.map { measure in
            (
              measure.name,
              .object([
                "highest": JSONValue(measure.highest), "mean": JSONValue(measure.mean),
              ])
            )
          })),
      "first_loss": JSONValue(result.heads.firstLoss),
      "induction_loss": JSONValue(result.heads.inductionLoss),
    ])
  }
}
