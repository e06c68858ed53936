package import Base
import Charts
import Checkpoints
import Models
import Pruning
package import Reporting

/// The costs of pruning by several shares, with a row for each share.
package struct PruneSweepReport: Report {
  package static let schema = "sumac.prune-sweep/1"

  /// The costs of a share.
  struct Point: Sendable {
    /// The share that was asked for.
    var share: Double
    var summary: PruningReport.Summary
    /// The comparison of the pruned model with the input; nil unless it was asked for.
    var figures: SweepFigures?
  }

  let model: String
  /// The options of pruning, without its share.
  let options: [Lineage.Option]
  let outOfScope: OutOfScope
  /// The texts of the evaluation; nil without one.
  let data: [String]?
  let points: [Point]

  private var isEvaluated: Bool { data != nil }
  private var evaluated: SweepFigures? { points.lazy.compactMap(\.figures).first }

  // MARK: Text

  package var sections: [Section] {
    var facts = [
      Section.Fact("model", model.printable),
      Section.Fact("pruned", options.map { "\($0.name) \($0.value)" }.joined(separator: ", ")),
    ]
    if let summary = outOfScope.summary {
      facts.append(Section.Fact("out of scope", summary))
    }
    if let data {
      facts.append(Section.Fact("data", data.map(\.printable).joined(separator: ", ")))
    }
    if let base = evaluated.flatMap({ SweepFigures.value($0.basePerplexity) }) {
      facts.append(Section.Fact("perplexity", "\(base.brief) before pruning"))
    }
    return [.table(table), .facts(facts)]
  }

  private var table: Table {
    let columns =
      ["amount", "pruned", "kept", "PQI", "energy lost", "error"]
      + (isEvaluated ? SweepFigures.columns : [])
    return Table(
      columns.map { Table.Column($0, alignsRight: true) },
      rows: points.map { point in
        [
          point.share.briefPercentage, "\((100 * point.summary.prunedShare).fixed(decimals: 2)) %",
          point.summary.countAfter.grouped, point.summary.indexAfter.fixed(decimals: 4),
          point.summary.energyLost.map(ModelLoss.percent) ?? "-",
          point.summary.relativeError.map(ModelLoss.percent) ?? "-",
        ] + (isEvaluated ? SweepFigures.cells(point.figures) : [])
      })
  }

  /// The divergence over the pruned share if the models were evaluated, otherwise the error.
  var plot: ScatterPlot {
    let name = FileSystem.ownName(of: model)
    return ScatterPlot(
      "Pruning of \(name): \(isEvaluated ? "divergence" : "relative error") over pruned share",
      x: "pruned share of the weights",
      y: isEvaluated ? "divergence, nats per token" : "relative error",
      scales: (.shares, isEvaluated ? .linear : .shares),
      points: points.compactMap { point in
        let y =
          isEvaluated
          ? point.figures.flatMap { SweepFigures.value($0.divergence) }
          : point.summary.relativeError
        return y.map {
          ScatterPlot.Point(
            point.share.briefPercentage, x: point.summary.prunedShare, y: $0, isMarked: true)
        }
      })
  }

  // MARK: Programs

  package var records: Table {
    let columns =
      ["amount", "pruned", "kept", "pqi", "energy_lost", "relative_error"]
      + (isEvaluated ? SweepFigures.recordColumns : [])
    return Table(
      columns.map { Table.Column($0) },
      rows: points.map { point in
        [
          "\(point.share)", "\(point.summary.prunedShare)", "\(point.summary.countAfter)",
          "\(point.summary.indexAfter)", point.summary.energyLost?.description ?? "",
          point.summary.relativeError?.description ?? "",
        ] + (isEvaluated ? SweepFigures.records(point.figures) : [])
      })
  }

  package var members: JSONObject {
    var members: JSONObject = [
      "model": .string(model),
      "options": .array(
        options.map { .object(["name": .string($0.name), "value": .string($0.value)]) }),
      "weights": JSONValue(points.first?.summary.weightCount ?? 0),
      "pqi_before": JSONValue(points.first?.summary.indexBefore ?? 0),
      "out_of_scope": .object(
        JSONObject(outOfScope.counts.map { ($0.name, JSONValue($0.valueCount)) })),
    ]
    if let data, let evaluated {
      members["data"] = .array(data.map { .string($0) })
      members["tokens"] = JSONValue(evaluated.tokenCount)
      members["base_perplexity"] = evaluated.basePerplexity
    }
    members["points"] = .array(lines)
    return members
  }

  package var lines: [JSONValue] {
    points.map { point in
      var line: JSONObject = [
        "amount": JSONValue(point.share), "pruned": JSONValue(point.summary.prunedShare),
        "kept": JSONValue(point.summary.countAfter), "pqi": JSONValue(point.summary.indexAfter),
        "energy_lost": point.summary.energyLost.map { JSONValue($0) } ?? .null,
        "relative_error": point.summary.relativeError.map { JSONValue($0) } ?? .null,
      ]
      if let figures = point.figures { for (key, value) in figures.json { line[key] = value } }
      return .object(line)
    }
  }
}
