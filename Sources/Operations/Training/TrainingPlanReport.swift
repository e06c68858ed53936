import Base
import Checkpoints
import Examples
import Networks
import Reporting
import Training

/// The plan of a training, shown by a dry run.
struct TrainingPlanReport: Report {
  static let schema = "sumac.train-plan/1"

  private let model: String
  private let folder: String
  private let plan: TrainingInputs.Plan
  private let exampleCount: Int
  private let testCount: Int?
  private let batch: Int
  private let threadCount: Int
  /// The number of trainings, one after another.
  private let trainingCount: Int

  /// The steps of all trainings together, at most the largest number.
  private var stepCount: Int {
    let (product, isOver) = trainingCount.multipliedReportingOverflow(by: plan.stepCount)
    return isOver ? .max : product
  }

  init(
    model: String, folder: String, _ inputs: TrainingInputs, _ plan: TrainingInputs.Plan,
    trainings: Int = 1, _ context: OperationContext
  ) {
    self.model = model
    self.folder = folder
    self.plan = plan
    exampleCount = inputs.data.count
    testCount = inputs.test?.count
    batch = inputs.recipe.batch
    threadCount = context.jobs
    trainingCount = trainings
  }

  var sections: [Section] {
    [
      .facts([
        Section.Fact("model", "\(model.printable), \(plan.parameterCount.grouped) trained values"),
        Section.Fact(
          "examples",
          exampleCount.grouped + (testCount.map { ", \($0.grouped) for the test" } ?? "")),
        Section.Fact(
          "steps",
          "\(plan.stepCount.grouped) of \(batch.grouped) examples, \(plan.stepsPerEpoch.grouped) "
            + "in an epoch"
            + (trainingCount == 1
              ? ""
              : ", in each of \(trainingCount.grouped) trainings: "
                + "\(stepCount.grouped) in all")),
        Section.Fact(
          "memory",
          "\(ByteSize(plan.byteCount)) for network and data"
            + (plan.usesSegments ? "; blocks are computed twice to save memory" : "")),
        Section.Fact("output", folder.printable),
      ])
    ]
  }

  var records: Table {
    .trainingPlan(
      model: model, values: plan.parameterCount, examples: exampleCount,
      steps: stepCount, byteCount: plan.byteCount)
  }

  var members: JSONObject {
    [
      "model": .string(model), "folder": .string(folder), "values": JSONValue(plan.parameterCount),
      "examples": JSONValue(exampleCount),
      "test_examples": testCount.map { JSONValue($0) } ?? .null,
      "batch": JSONValue(batch), "steps": JSONValue(plan.stepCount),
      "steps_per_epoch": JSONValue(plan.stepsPerEpoch), "trainings": JSONValue(trainingCount),
      "recomputes_blocks": .bool(plan.usesSegments), "memory_bytes": JSONValue(plan.byteCount),
      "threads": JSONValue(threadCount),
    ]
  }

  var lines: [JSONValue] { [.object(members)] }
}

extension Table {
  /// The record of the plan of a training.
  static func trainingPlan(
    model: String, values: Int, examples: Int, steps: Int, byteCount: Int
  ) -> Table {
    Table(
      ["model", "values", "examples", "steps", "memory_bytes"].map { Table.Column($0) },
      rows: [[model, "\(values)", "\(examples)", "\(steps)", "\(byteCount)"]])
  }
}
