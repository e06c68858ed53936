package import Base
import Charts
import Pruning
package import Reporting
import Training

/// The report of training and pruning in turn: a row for each round.
package struct PruningRounds: Report {
  package static let schema = "sumac.prune-rounds/1"

  /// The results of a round.
  struct Row: Sendable {
    var round: Int
    /// The weights before and after the pruning of the round.
    var weights: PruningReport.Summary
    /// The epoch whose model is kept.
    var epoch: EpochResult

    init(
      round: Int, epoch: EpochResult, weights: PruningReport.Summary
    ) {
      self.round = round
      self.epoch = epoch
      self.weights = weights
    }

    /// The share of all weights that is left while the network is trained.
    var share: Double { Double(weights.countBefore) / Double(max(1, weights.weightCount)) }
    /// The share of these weights that the round prunes.
    var ratio: Double { 1 - Double(weights.countAfter) / Double(max(1, weights.countBefore)) }
  }

  private let model: String
  private let folder: String
  private let method: String
  private let scope: String
  private let rows: [Row]

  init(model: String, folder: String, method: String, scope: String, _ rows: [Row]) {
    self.model = model
    self.folder = folder
    self.method = method
    self.scope = scope
    self.rows = rows
  }

  private var hasClasses: Bool { rows.first?.epoch.hasClasses ?? false }

  /// A plot of PQ Index and accuracy against the weights that are left.
  var plot: String {
    LinePlot(
      "PQ Index and accuracy, \(method), scope \(scope)", axis: "weights left",
      labels: rows.map { Self.percent($0.share, decimals: 1) },
      lines: [
        LinePlot.Line("PQ Index", rows.map(\.weights.indexBefore)),
        LinePlot.Line("training accuracy", rows.map { accuracy($0.epoch.training) }),
        LinePlot.Line("test accuracy", rows.map { accuracy($0.epoch.test) }),
      ].filter { $0.values.contains { $0 != nil } }
    ).svg
  }

  private func accuracy(_ score: Score?) -> Double? { hasClasses ? score?.accuracy : nil }

  private static func percent(_ share: Double, decimals: Int = 2) -> String {
    "\((100 * share).fixed(decimals: decimals)) %"
  }

  private func cells(_ row: Row) -> [String] {
    let (training, test) = (row.epoch.training, row.epoch.test)
    var cells = [
      "\(row.round)", row.weights.countBefore.grouped, Self.percent(row.share),
      row.weights.indexBefore.fixed(decimals: 4), Self.percent(row.ratio), "\(row.epoch.epoch)",
      training.loss.fixed(decimals: 4), test.map { $0.loss.fixed(decimals: 4) } ?? "-",
    ]
    if hasClasses {
      cells += [Self.percent(training.accuracy), test.map { Self.percent($0.accuracy) } ?? "-"]
    }
    return cells
  }

  package var sections: [Section] {
    var columns = ["round", "weights", "left", "PQI", "prunes", "epoch", "loss", "test loss"]
    if hasClasses { columns += ["correct", "test correct"] }
    let table = Table(columns.map { Table.Column($0, alignsRight: true) }, rows: rows.map(cells))
    return [
      .table(table),
      .facts([
        Section.Fact("model", model.printable),
        Section.Fact("method", "\(method), scope \(scope)"),
        Section.Fact("output", "\(folder.printable), a folder for each round and rounds.svg"),
      ]),
    ]
  }

  /// The loss and the accuracy with all digits.
  private func plain(_ score: Score?) -> [String] {
    [score.map { "\($0.loss)" } ?? "", accuracy(score).map { "\($0)" } ?? ""]
  }

  package var records: Table {
    let columns = [
      "round", "weights", "left", "pqi", "pruned_share", "epoch", "loss", "accuracy", "test_loss",
      "test_accuracy",
    ]
    return Table(
      columns.map { Table.Column($0) },
      rows: rows.map { row in
        [
          "\(row.round)", "\(row.weights.weightCount)", "\(row.weights.countBefore)",
          "\(row.weights.indexBefore)", "\(row.ratio)", "\(row.epoch.epoch)",
        ] + plain(row.epoch.training) + plain(row.epoch.test)
      })
  }

  package var members: JSONObject {
    [
      "model": .string(model), "folder": .string(folder), "by": .string(method),
      "scope": .string(scope), "rounds": .array(lines),
    ]
  }

  package var lines: [JSONValue] {
    rows.map { row in
      .object([
        "round": JSONValue(row.round), "weights": JSONValue(row.weights.weightCount),
        "left": JSONValue(row.weights.countBefore), "pqi": JSONValue(row.weights.indexBefore),
        "pruned_share": JSONValue(row.ratio), "epoch": JSONValue(row.epoch.epoch),
        "loss": JSONValue(row.epoch.training.loss),
        "accuracy": accuracy(row.epoch.training).map { JSONValue($0) } ?? .null,
        "test_loss": row.epoch.test.map { JSONValue($0.loss) } ?? .null,
        "test_accuracy": accuracy(row.epoch.test).map { JSONValue($0) } ?? .null,
      ])
    }
  }
}
