import Base
import Checkpoints

/// Runs the tasks of a plan for many models: each runs the operation on one model.
struct ModelTasks {
  private let operation: any BatchableOperation
  private let receipts: ModelReceipts
  private let context: OperationContext

  init(
    _ file: PlanFile, _ operation: any BatchableOperation, _ context: OperationContext
  ) throws {
    self.operation = operation
    self.context = context
    receipts = try ModelReceipts(file, operation)
  }

  /// Runs a task, unless its output is there and nothing changed.
  func run(_ task: PlanTask) throws -> TaskOutcome {
    guard let model = task.model else {
      throw UsageError("task \(task.number) is not a task for a model")
    }
    let stamp = try FileStamp(of: [task.subject] + operation.otherPaths, countsChanges: false).text
    guard stamp == model.stamp else {
      throw FormatError(
        .planInput, "is not what it was when the plan was made", path: task.subject,
        hint: "make the plan again; models that did not change stay done")
    }
    if try receipts.hasResult(model) { return TaskOutcome(task: task, state: .skipped) }
    let output = receipts.output + "/" + model.name
    let mayReplace = try prepare(model, output)
    try run(task.subject, to: output, model, mayReplace: mayReplace)
    try receipts.write(
      ModelReceipts.Record(
        settings: receipts.settings, inputStamp: stamp,
        outputStamp: try FileStamp(ofOutput: output)?.text, isDone: true), model.name)
    return TaskOutcome(
      task: task, state: .done, writtenByteCount: try FileSystem.byteCount(ofTree: output))
  }

  /// Records that the work begins.
  /// - Returns: True if what has the name of the output is there because of a task, so that it may be replaced.
  private func prepare(_ model: PlanTask.Model, _ output: String) throws -> Bool {
    try receipts.createFolders()
    let existing = try FileStamp(ofOutput: output)?.text
    let isOwn =
      try receipts.record(model.name).map { record in
        record.isDone ? record.outputStamp == existing : record.outputStamp != existing
      } ?? false
    let mayReplace = isOwn && existing != nil
    try receipts.write(
      ModelReceipts.Record(
        settings: receipts.settings, inputStamp: model.stamp,
        outputStamp: mayReplace ? nil : existing, isDone: false), model.name)
    return mayReplace
  }

  private func run(
    _ input: String, to output: String, _ model: PlanTask.Model, mayReplace: Bool
  ) throws {
    var operation = operation
    operation.bind(input: input, output: output)
    if mayReplace { operation.replacesExisting = true }
    do { try finish(operation, output) } catch let error as OutputExistsError {
      // The same task ran twice at once, and the other one was faster. Both write the same bytes.
      let stamp = try FileStamp(ofOutput: output)?.text
      guard let record = try receipts.record(model.name),
        record.isDone || record.outputStamp != stamp
      else { throw error }
      operation.replacesExisting = true
      try finish(operation, output)
    }
  }

  private func finish(_ operation: any BatchableOperation, _ output: String) throws {
    let result = try operation.run(context)
    guard !operation.writesCheckpoint else { return }
    let format = try BatchReportFormat(name: FileSystem.baseName(of: output)).format
    try ReportFile.write(to: output, replacesExisting: operation.replacesExisting) {
      try result.write(as: format, width: nil, to: $0)
    }
  }
}
