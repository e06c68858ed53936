package import Base
package import Reporting

/// The report on learned coefficients: the objective and the accuracy of each task, and the coefficients of each model.
package struct LearningReport: Report {
  package static let schema = "sumac.adamerging/1"

  private let recipe: CoefficientRecipe
  private let tasks: [String]
  private let models: [String]
  private let learning: CoefficientLearning
  private let rows: [(name: String, coefficients: [Double])]
  private let grouping: String
  /// The tensors that the objective does not depend on.
  private let unused: [String]
  private let output: (path: String, byteCount: Int)

  package init(
    _ recipe: CoefficientRecipe, tasks: [String], models: [String],
    _ learning: CoefficientLearning, rows: [(name: String, coefficients: [Double])],
    grouping: String, unused: [String], output: (path: String, byteCount: Int)
  ) {
    (self.recipe, self.tasks, self.models, self.learning) = (recipe, tasks, models, learning)
    (self.rows, self.grouping, self.unused, self.output) = (rows, grouping, unused, output)
  }

  /// The steps whose mean is shown for the start and for the end: a tenth of all.
  private var sampleCount: Int { max(1, learning.means.count / 10) }

  private func mean(_ steps: ArraySlice<[Double]>, _ task: Int) -> Double {
    steps.reduce(0) { $0 + $1[task] } / Double(max(1, steps.count))
  }

  private func first(_ task: Int) -> Double { mean(learning.means.prefix(sampleCount), task) }
  private func last(_ task: Int) -> Double { mean(learning.means.suffix(sampleCount), task) }

  private var hasAccuracies: Bool { learning.accuracies.contains { $0.before != nil } }

  private var taskTable: Table {
    let name = recipe.objective.rawValue
    var columns = ["task", "\(name) at first", "\(name) at last"]
    if hasAccuracies { columns += ["correct before", "correct after"] }
    return Table(
      columns.enumerated().map { Table.Column($1, alignsRight: $0 > 0) },
      rows: tasks.indices.map { task in
        var cells = [
          tasks[task].printable, first(task).fixed(decimals: 4), last(task).fixed(decimals: 4),
        ]
        if hasAccuracies {
          cells += [learning.accuracies[task].before, learning.accuracies[task].after].map {
            $0.map { "\((100 * $0).fixed(decimals: 2)) %" } ?? "-"
          }
        }
        return cells
      })
  }

  private var modelTable: Table {
    Table(
      ["model", "mean", "smallest", "largest", "at 0", "at 1"].enumerated().map {
        Table.Column($1, alignsRight: $0 > 0)
      },
      rows: models.indices.map { model in
        let own = rows.map { $0.coefficients[model] }
        let mean = own.reduce(0, +) / Double(max(1, own.count))
        return [
          models[model].printable, mean.fixed(decimals: 4), (own.min() ?? 0).fixed(decimals: 4),
          (own.max() ?? 0).fixed(decimals: 4), "\(own.count { $0 <= 0 })",
          "\(own.count { $0 >= 1 })",
        ]
      })
  }

  package var sections: [Section] {
    let count = learning.means.count
    return [
      .table(taskTable), .table(modelTable),
      .facts([
        Section.Fact(
          "steps",
          "\(count.grouped)" + (learning.stoppedEarly ? ", stopped because nothing improved" : "")),
        Section.Fact("coefficients", "\(rows.count.counted("row")), grouped by \(grouping)"),
        Section.Fact("output", "\(output.path.printable), \(ByteSize(output.byteCount))"),
      ]),
    ]
  }

  package var records: Table {
    Table(
      (["step"] + tasks).map { Table.Column($0) },
      rows: learning.means.enumerated().map { index, values in
        ["\(index + 1)"] + values.map { "\($0)" }
      })
  }

  package var members: JSONObject {
    var coefficients = JSONObject()
    for row in rows { coefficients[row.name] = .array(row.coefficients.map { JSONValue($0) }) }
    return [
      "objective": .string(recipe.objective.rawValue), "grouping": .string(grouping),
      "steps": JSONValue(learning.means.count), "stopped_early": .bool(learning.stoppedEarly),
      "tasks": .array(
        tasks.indices.map { task in
          let accuracy = learning.accuracies[task]
          return .object([
            "name": .string(tasks[task]), "first": JSONValue(first(task)),
            "last": JSONValue(last(task)),
            "accuracy_before": accuracy.before.map { JSONValue($0) } ?? .null,
            "accuracy_after": accuracy.after.map { JSONValue($0) } ?? .null,
          ])
        }),
      "models": .array(models.map { .string($0) }),
      "coefficients": .object(coefficients),
      "unused_tensors": .array(unused.map { .string($0) }),
      "values": .array(lines), "output": .string(output.path), "bytes": JSONValue(output.byteCount),
    ]
  }

  /// The mean objective of each task in each step.
  package var lines: [JSONValue] {
    learning.means.map { .array($0.map { JSONValue($0) }) }
  }
}
