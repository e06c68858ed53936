import Base
import Checkpoints

/// Runs the tasks of a plan of any kind.
enum TaskRun {
  case output(OutputTasks)
  case models(ModelTasks)
  case sweep(SweepTasks)

  /// Reads the headers that all tasks need.
  init(_ file: PlanFile, _ context: OperationContext) throws {
    let operation = try file.operation()
    var context = context
    context.choice = file.plan.choice
    switch file.plan.kind {
    case .output:
      guard let operation = operation as? any OutputOperation else {
        throw file.fault("its operation '\(file.plan.verb.printable)' does not write a checkpoint")
      }
      self = .output(try OutputTasks(file, operation, context))
    case .models:
      guard let operation = operation as? any BatchableOperation else {
        throw file.fault(
          "its operation '\(file.plan.verb.printable)' does not apply to each of many models")
      }
      self = .models(try ModelTasks(file, operation, context))
    case .sweep: self = .sweep(SweepTasks(file, try file.sweep(), context))
    }
  }

  func run(_ task: PlanTask) throws -> TaskOutcome {
    switch self {
    case .output(let tasks): try tasks.run(task)
    case .models(let tasks): try tasks.run(task)
    case .sweep(let tasks): try tasks.run(task)
    }
  }
}

extension PlanFile {
  func operation() throws -> any Operation {
    do {
      return try Operations.operation(json: Array(plan.operation.serialized().utf8))
    } catch let error as UsageError { throw fault(error.message) }
  }

  func fault(_ reason: Message) -> FormatError {
    FormatError(
      .plan, reason, path: path, hint: "make it again with \(command: "plan")")
  }

  /// Throws unless this program shapes outputs as the one that made the plan.
  func checkVersions() throws {
    guard plan.versions != Version.shapingOutput else { return }
    func text(_ versions: [Lineage.Option]) -> String {
      versions.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    }
    throw fault(
      "was made by \(text(plan.versions)), but this is \(text(Version.shapingOutput)), and outputs depend on it"
    )
  }
}
