package import Base
package import Reporting

/// The report of a training: the losses of each epoch, and the model that was kept.
package struct TrainingReport: Report {
  package static let schema = "sumac.train/1"

  private let model: String
  private let folder: String
  private let output: String
  private let result: TrainingResult
  private let kept: TrainingRecipe.Kept

  package init(
    model: String, folder: String, output: String, _ result: TrainingResult,
    kept: TrainingRecipe.Kept
  ) {
    self.model = model
    self.folder = folder
    self.output = output
    self.result = result
    self.kept = kept
  }

  private var hasClasses: Bool { result.epochs.first?.hasClasses ?? false }
  private var hasTest: Bool { result.epochs.contains { $0.test != nil } }

  package var sections: [Section] {
    var facts = [
      Section.Fact("model", model.printable),
      Section.Fact("steps", result.stepCount.grouped),
    ]
    if let best = result.best {
      facts.append(
        Section.Fact(
          "best epoch",
          "\(best.epoch), test loss \(best.score.loss.fixed(decimals: 4))"
            + (hasClasses ? ", \(percent(best.score)) correct" : "")))
    }
    facts.append(Section.Fact("output", "\(output.printable), the \(kept.rawValue) epoch"))
    return [.table(table), .facts(facts)]
  }

  private func percent(_ score: Score) -> String {
    "\((100 * score.accuracy).fixed(decimals: 2)) %"
  }

  /// The loss and the share of correct examples.
  private func cells(_ score: Score?) -> [String] {
    let loss = score.map { $0.loss.fixed(decimals: 4) } ?? "-"
    return hasClasses ? [loss, score.map(percent) ?? "-"] : [loss]
  }

  private var table: Table {
    var columns = ["epoch", "steps", "loss"]
    if hasClasses { columns.append("correct") }
    if hasTest { columns.append("test loss") }
    if hasTest, hasClasses { columns.append("test correct") }
    return Table(
      columns.map { Table.Column($0, alignsRight: true) },
      rows: result.epochs.map { epoch in
        var row = ["\(epoch.epoch)", epoch.step.grouped] + cells(epoch.training)
        if hasTest { row += cells(epoch.test) }
        return row
      })
  }

  /// The loss and the accuracy with all digits.
  private func plain(_ score: Score?) -> [String] {
    guard let score else { return ["", ""] }
    return ["\(score.loss)", hasClasses ? "\(score.accuracy)" : ""]
  }

  package var records: Table {
    let columns = ["epoch", "steps", "loss", "accuracy", "test_loss", "test_accuracy"]
    return Table(
      columns.map { Table.Column($0) },
      rows: result.epochs.map { epoch in
        ["\(epoch.epoch)", "\(epoch.step)"] + plain(epoch.training) + plain(epoch.test)
      })
  }

  package var members: JSONObject {
    [
      "model": .string(model), "folder": .string(folder), "output": .string(output),
      "steps": JSONValue(result.stepCount), "kept": .string(kept.rawValue),
      "best_epoch": result.best.map { JSONValue($0.epoch) } ?? .null,
      "epochs": .array(lines),
    ]
  }

  package var lines: [JSONValue] {
    result.epochs.map { epoch in
      .object([
        "epoch": JSONValue(epoch.epoch), "steps": JSONValue(epoch.step),
        "loss": JSONValue(epoch.training.loss),
        "accuracy": hasClasses ? JSONValue(epoch.training.accuracy) : .null,
        "test_loss": epoch.test.map { JSONValue($0.loss) } ?? .null,
        "test_accuracy": hasClasses ? epoch.test.map { JSONValue($0.accuracy) } ?? .null : .null,
      ])
    }
  }
}
