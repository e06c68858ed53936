import Base
import Reporting
import Training

/// The report of a training on several tasks: the accuracy on each task after each, and what was forgotten.
struct ContinualReport: Report {
  static let schema = "sumac.sparcl-train/1"

  private let model: String
  private let folder: String
  private let recipe: ContinualRecipe
  private let result: ContinualResult
  private let sizes: [Int]
  private let hasTest: Bool

  init(
    model: String, folder: String, _ recipe: ContinualRecipe, _ result: ContinualResult,
    sizes: [Int], hasTest: Bool
  ) {
    (self.model, self.folder, self.recipe, self.result) = (model, folder, recipe, result)
    (self.sizes, self.hasTest) = (sizes, hasTest)
  }

  private static func percent(_ share: Double) -> String {
    "\((100 * share).fixed(decimals: 2)) %"
  }

  private func classes(_ task: Int) -> String {
    recipe.tasks[task].map { "\($0)" }.joined(separator: ",")
  }

  private func table(_ setting: ContinualResult.Setting, _ title: String) -> [Section] {
    let columns =
      [Table.Column("after task"), Table.Column("size", alignsRight: true)]
      + recipe.tasks.indices.map { Table.Column(classes($0), alignsRight: true) }
    return [
      .line(title),
      .table(
        Table(
          columns,
          rows: result.accuracies.enumerated().map { task, row in
            ["\(task + 1)", "\(ByteSize(sizes[task]))"]
              + row.map { Self.percent(setting.share($0)) }
              + Array(repeating: "", count: recipe.tasks.count - row.count)
          })),
    ]
  }

  var sections: [Section] {
    let measures: [(String, (ContinualResult.Setting) -> Double)] = [
      ("mean accuracy", result.meanAccuracy), ("learning accuracy", result.learningAccuracy),
      ("forgetting", result.forgetting),
    ]
    return table(.classIncremental, "accuracy among all classes, by the classes of the task")
      + table(.taskIncremental, "accuracy among the classes of the task") + [
        .facts(
          measures.map { name, value in
            Section.Fact(
              name,
              "\(Self.percent(value(.classIncremental))) among all classes, "
                + "\(Self.percent(value(.taskIncremental))) in the task")
          } + [
            Section.Fact("model", model.printable),
            Section.Fact("measured on", hasTest ? "the test data" : "the training data"),
            Section.Fact("steps", result.stepCount.grouped),
            Section.Fact("output", "\(folder.printable), a model after each task"),
          ])
      ]
  }

  var records: Table {
    Table(
      ["after_task", "task", "count", "accuracy", "task_accuracy"].map { Table.Column($0) },
      rows: result.accuracies.enumerated().flatMap { after, row in
        row.enumerated().map { task, accuracy in
          [
            "\(after + 1)", "\(task + 1)", "\(accuracy.count)", "\(accuracy.share)",
            "\(accuracy.shareInTask)",
          ]
        }
      })
  }

  private func matrix(_ setting: ContinualResult.Setting) -> JSONValue {
    .array(
      result.accuracies.map { row in .array(row.map { JSONValue(setting.share($0)) }) })
  }

  private func measures(_ setting: ContinualResult.Setting) -> JSONValue {
    [
      "accuracies": matrix(setting), "mean_accuracy": JSONValue(result.meanAccuracy(setting)),
      "learning_accuracy": JSONValue(result.learningAccuracy(setting)),
      "forgetting": JSONValue(result.forgetting(setting)),
    ]
  }

  var members: JSONObject {
    [
      "model": .string(model), "folder": .string(folder),
      "tasks": .array(
        recipe.tasks.map { classes in .array(classes.map { JSONValue($0) }) }),
      "masks": .string(recipe.masks.rawValue), "replay": .string(recipe.replay.rawValue),
      "layers": .array(recipe.layers.sorted().map { .string($0) }),
      "has_test": .bool(hasTest), "steps": JSONValue(result.stepCount),
      "class_incremental": measures(.classIncremental),
      "task_incremental": measures(.taskIncremental),
      "file_bytes": .array(sizes.map { JSONValue($0) }), "epochs": .array(lines),
    ]
  }

  var lines: [JSONValue] {
    result.epochs.map { epoch in
      .object([
        "task": JSONValue(epoch.task), "epoch": JSONValue(epoch.epoch),
        "steps": JSONValue(epoch.step), "examples": JSONValue(epoch.examples),
        "loss": JSONValue(epoch.training.loss),
        "accuracy": JSONValue(epoch.training.accuracy),
        "test_accuracies": .array(epoch.accuracies.map { JSONValue($0.share) }),
        "test_task_accuracies": .array(epoch.accuracies.map { JSONValue($0.shareInTask) }),
      ])
    }
  }
}

/// The plan of a training on several tasks, shown by a dry run.
struct ContinualPlanReport: Report {
  static let schema = "sumac.sparcl-plan/1"

  private let model: String
  private let folder: String
  private let recipe: ContinualRecipe
  private let plan: ContinualInputs.Plan
  private let exampleCount: Int

  init(
    model: String, folder: String, _ recipe: ContinualRecipe, _ plan: ContinualInputs.Plan,
    examples: Int
  ) {
    (self.model, self.folder, self.recipe, self.plan) = (model, folder, recipe, plan)
    exampleCount = examples
  }

  var sections: [Section] {
    [
      .facts([
        Section.Fact("model", "\(model.printable), \(plan.parameterCount.grouped) trained values"),
        Section.Fact("tasks", "\(recipe.tasks.count)"),
        Section.Fact(
          "layers", recipe.layers.isEmpty ? "none" : recipe.layers.sorted().joined(separator: ", ")),
        Section.Fact("examples", exampleCount.grouped),
        Section.Fact("steps", plan.stepCount.grouped),
        Section.Fact("memory", "\(ByteSize(plan.byteCount)) for network and data"),
        Section.Fact("output", folder.printable),
      ])
    ]
  }

  var records: Table {
    .trainingPlan(
      model: model, values: plan.parameterCount, examples: exampleCount, steps: plan.stepCount,
      byteCount: plan.byteCount)
  }

  var members: JSONObject {
    [
      "model": .string(model), "folder": .string(folder), "values": JSONValue(plan.parameterCount),
      "tasks": JSONValue(recipe.tasks.count),
      "layers": .array(recipe.layers.sorted().map { .string($0) }),
      "examples": JSONValue(exampleCount), "steps": JSONValue(plan.stepCount),
      "memory_bytes": JSONValue(plan.byteCount),
    ]
  }

  var lines: [JSONValue] { [.object(members)] }
}
