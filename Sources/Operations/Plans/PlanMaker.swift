import Base
import Checkpoints
import Synchronization

/// Makes plans from headers.
struct PlanMaker {
  let path: String
  let context: OperationContext
  let taskByteCount: Int

  /// Makes the plan of one output.
  func plan(_ operation: some OutputOperation) throws -> (Plan, [PlanTask]) {
    var operation = operation
    // A slash at the end may choose the format.
    if operation.output.format != nil {
      operation.output.format = try operation.output.container.name.rawValue
    }
    // Links and other working folders must not change what a task finds.
    while operation.output.path.count > 1, operation.output.path.hasSuffix("/") {
      operation.output.path.removeLast()
    }
    let split = try SplitOutput(
      operation, taskByteCount: taskByteCount, checksOutput: true, context)
    for note in split.request.notes + split.run.fileNotes + split.writer.plan.notes {
      context.observer.report(.warning(note))
    }
    let stages = try OutputStages(split, context)
    var plan = try plan(
      .output, verb: type(of: operation).verb, operation, output: operation.output.path)
    plan.inputs = try split.request.inputs.map { try Plan.Input($0) }
    plan.stages = stages.stages
    return (plan, stages.tasks)
  }

  /// Makes a plan with a task for each of many models.
  func plan(_ batch: BatchOperation) throws -> (Plan, [PlanTask]) {
    guard let operation = batch.steps.first?.operation, batch.steps.count == 1 else {
      throw UsageError("a plan of many models has one step")
    }
    let (jobs, notes) = try batch.jobs(context)
    for note in notes { context.observer.report(.note(note)) }
    let folder = try BatchFolder(batch.folder)
    do { try SeveralErrors.throwIfAny(folder.errors(jobs)) } catch {
      folder.removeUnused()
      throw error
    }
    folder.removeUnused()
    let tasks = try tasks(of: jobs)
    var plan = try plan(
      .models, verb: type(of: operation).verb, operation, output: folder.path)
    plan.stages = [
      PlanStage(
        work: .model, taskCount: tasks.count,
        readByteCount: tasks.reduce(0) { $0 + $1.readByteCount },
        memoryByteCount: context.memory.limit)
    ]
    return (plan, tasks)
  }

  /// Returns the tasks of models, several of which are looked at a time.
  private func tasks(of jobs: [BatchJob]) throws -> [PlanTask] {
    let found = Mutex([PlanTask?](repeating: nil, count: jobs.count))
    try Parallel(jobs: context.jobs, cancellation: context.cancellation).forEach(
      count: jobs.count, workspaceByteCount: 0
    ) { index, _ in
      let job = jobs[index]
      let stamp = try FileStamp(of: job.inputPaths, countsChanges: false).text
      let task = PlanTask(
        number: index + 1, stage: PlanStage.Work.model.name, index: index + 1,
        readByteCount: try FileSystem.byteCount(ofTree: job.input), writtenByteCount: 0,
        subject: job.input, model: PlanTask.Model(name: job.name, stamp: stamp))
      found.withLock { $0[index] = task }
    }
    try context.cancellation.check()
    return found.withLock { $0 }.compactMap(\.self)
  }

  /// Returns a plan without inputs and stages.
  func plan(
    _ kind: Plan.Kind, verb: String, _ operation: some Operation, output: String
  ) throws -> Plan {
    let document = try Operations.json(operation)
    return Plan(
      kind: kind, verb: verb, versions: Version.shapingOutput,
      folder: try FileSystem.resolved("."), operation: try JSONValue.parse(document.span),
      choice: context.choice, output: output, taskByteCount: taskByteCount, jobs: context.jobs,
      memoryByteCount: context.memory.limit, inputs: [], stages: [])
  }
}
