import Base
import Checkpoints

/// Runs the tasks of a plan for a sweep: each trains a member, and the last one writes the tables.
final class SweepTasks {
  private let file: PlanFile
  private let operation: RepeatsSweepOperation
  private let context: OperationContext
  /// The sweep with its data, which is read for the first training of this process.
  private var sweep: Sweep?

  init(_ file: PlanFile, _ operation: RepeatsSweepOperation, _ context: OperationContext) {
    (self.file, self.operation, self.context) = (file, operation, context)
  }

  func run(_ task: PlanTask) throws -> TaskOutcome {
    guard let model = task.model else { return try writeTables(task) }
    let path = operation.output + "/" + model.name
    if try SweepResult.read(path, digest: model.stamp) != nil {
      return TaskOutcome(task: task, state: .skipped)
    }
    let sweep = try checkedSweep()
    guard let member = sweep.recipe.members.first(where: { $0.name == model.name }),
      try sweep.digest(of: member) == model.stamp
    else {
      throw FormatError(
        .planInput, "the settings or data of \(model.name) are not what they were in the plan",
        path: operation.recipe, hint: "make the plan again; trainings that did not change stay done"
      )
    }
    try SweepFolder(path: operation.output).create()
    guard try sweep.run(member, in: operation.output).isNew else {
      return TaskOutcome(task: task, state: .skipped)
    }
    return TaskOutcome(
      task: task, state: .done, writtenByteCount: try FileSystem.byteCount(ofTree: path))
  }

  private func checkedSweep() throws -> Sweep {
    if let sweep { return sweep }
    let (sweep, _) = try operation.checked(context)
    self.sweep = sweep
    return sweep
  }

  private func writeTables(_ task: PlanTask) throws -> TaskOutcome {
    let recipe = try SweepRecipe(operation.recipe)
    let tasks = try Self.members(file)
    guard tasks.map(\.name) == recipe.members.map(\.name) else {
      throw FormatError(
        .planInput, "has other trainings than the plan", path: operation.recipe,
        hint: "make the plan again; trainings that did not change stay done")
    }
    var (results, missing) = ([SweepResult](), [Int]())
    for (index, model) in tasks.enumerated() {
      if let result = try SweepResult.read(
        operation.output + "/" + model.name, digest: model.stamp)
      {
        results.append(result)
      } else {
        missing.append(index + 1)
      }
    }
    guard missing.isEmpty else {
      throw UsageError(
        "\(missing.count.counted("training")) without a result: "
          + TaskNumbers.text(missing, limit: 8),
        hint: "run them first: \(command: "task PLAN --stage member \(missing[0])")")
    }
    try SweepFolder(path: operation.output).write(
      SweepReport(recipe, folder: operation.output, results))
    return TaskOutcome(task: task, state: .done)
  }

  /// Returns the names and stamps of all trainings of a plan.
  private static func members(_ file: PlanFile) throws -> [PlanTask.Model] {
    try file.numbers(ofStage: PlanStage.Work.member.name).compactMap { try file.task($0).model }
  }

  /// Returns the numbers of the tasks of a stage that have no result.
  static func missing(_ file: PlanFile, _ stage: PlanStage) throws -> [Int] {
    let folder = try file.sweep().output
    guard stage.work != .table else {
      return try SweepFolder(path: folder).hasTables ? [] : [1]
    }
    return try members(file).enumerated().filter { _, model in
      try SweepResult.read(folder + "/" + model.name, digest: model.stamp) == nil
    }.map { $0.offset + 1 }
  }
}

extension PlanFile {
  /// Returns the sweep that the plan divides.
  func sweep() throws -> RepeatsSweepOperation {
    guard let operation = try operation() as? RepeatsSweepOperation else {
      throw fault("its operation '\(plan.verb.printable)' is not a sweep")
    }
    return operation
  }
}
