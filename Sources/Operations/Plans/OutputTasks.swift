import Base
import Checkpoints
import TensorCore

/// Runs the tasks of a plan that makes one output.
struct OutputTasks {
  private let plan: Plan
  private let split: SplitOutput
  private let folder: TaskFolder
  private let context: OperationContext

  /// Reads the headers of the inputs.
  /// - Throws: ``FormatError`` if an input is not what it was when the plan was made.
  init(
    _ file: PlanFile, _ operation: some OutputOperation, _ context: OperationContext
  ) throws {
    plan = file.plan
    var quiet = context
    // The plan has reported the notes of the inputs.
    quiet.observer = context.quiet.observer
    split = try SplitOutput(
      operation, taskByteCount: plan.taskByteCount, checksOutput: false, quiet)
    folder = TaskFolder(output: plan.output, digest: file.digest)
    self.context = context
    try checkInputs(path: file.path)
  }

  private func checkInputs(path: String) throws {
    let found = try split.request.inputs.map { try Plan.Input($0) }
    for (now, then) in zip(found, plan.inputs) where now != then {
      let change =
        now.id != then.id || now.byteCount != then.byteCount
        ? "has other headers than when \(path.printable) was made"
        : "has files of other times or lengths than when \(path.printable) was made"
      throw FormatError(
        .planInput, Message(change), path: then.path,
        hint: "make the plan again; the tasks of the new plan start over")
    }
    guard found.count == plan.inputs.count, stagesFit else {
      throw FormatError(
        .planInput, "does not divide as it did when the plan was made", path: path,
        hint: "make the plan again")
    }
  }

  /// True if the stages of the plan have as many tasks as the headers and settings ask for.
  private var stagesFit: Bool {
    plan.stages.allSatisfy { stage in
      switch stage.work {
      case .identify: stage.taskCount == split.identifiedParts.count
      case .survey(let round):
        stage.taskCount == split.surveyedParts.count && round <= split.survey.rounds?.count ?? 0
      case .apply: stage.taskCount == split.writer.parts.count
      case .combine, .assemble: stage.taskCount == 1
      case .model, .member, .table: false
      }
    }
  }

  /// Runs a task, unless its result is there.
  func run(_ task: PlanTask) throws -> TaskOutcome {
    guard let stage = plan.stages.first(where: { $0.name == task.stage }) else {
      throw UsageError("the plan has no stage '\(task.stage.printable)'")
    }
    if try folder.isAssembled() { return TaskOutcome(task: task, state: .skipped) }
    do {
      try folder.create()
      return try outcome(of: task, stage)
    } catch let error as any UserError {
      // Another process may have assembled the output meanwhile, and removed the files of the tasks.
      guard !(error is InterruptedError), try folder.isAssembled() else { throw error }
      try folder.clean()
      return TaskOutcome(task: task, state: .skipped)
    }
  }

  private func outcome(of task: PlanTask, _ stage: PlanStage) throws -> TaskOutcome {
    switch stage.work {
    case .identify: return try result(of: task) { try identified(task.index) }
    case .survey(let round):
      return try result(of: task) { try surveyed(task.index, round: round) }
    case .combine(let round): return try result(of: task) { try combined(round: round) }
    case .apply: return try applied(task)
    case .assemble: return try assembled(task)
    case .model, .member, .table:
      throw UsageError("a plan of one output has no tasks for models")
    }
  }

  /// Writes the receipt of a task that only finds something, unless it is there.
  private func result(
    of task: PlanTask, _ body: () throws -> JSONValue
  ) throws -> TaskOutcome {
    guard try folder.receipt(task.stage, task.index) == nil else {
      return TaskOutcome(task: task, state: .skipped)
    }
    var receipt = TaskReceipt(plan: folder.plan, stage: task.stage, index: task.index)
    receipt.result = try body()
    try context.cancellation.check()
    try checkUnchanged()
    try folder.write(receipt)
    return TaskOutcome(task: task, state: .done)
  }

  /// Throws ``ChangedInputError`` if an input changed while it was read.
  private func checkUnchanged() throws {
    for file in Set(split.request.output.files) { try file.file?.checkUnchanged() }
  }

  // MARK: Surveys

  private func identified(_ index: Int) throws -> JSONValue {
    let part = split.identifiedParts[index - 1]
    let tensors = Array(split.request.inputs[part.input].identifiedTensors[part.tensors])
    let checksums = try context.withEngine(
      .identify, split.identifyDemand, byteCount: part.byteCount
    ) { try Checkpoint.chunkChecksums(of: tensors, engine: $0) }
    return .object([
      "input": JSONValue(part.input), "tensor": JSONValue(part.tensors.lowerBound),
      "checksums": .string(checksums.hexadecimal),
    ])
  }

  private func surveyed(_ index: Int, round: Int) throws -> JSONValue {
    guard let rounds = split.survey.rounds else {
      throw UsageError("the plan needs no survey")
    }
    let items = split.surveyedParts[index - 1]
    let state = try round > 1 ? state(after: round - 1) : nil
    return try context.withEngine(
      .survey, split.surveyDemand, tensors: items.count,
      byteCount: items.reduce(0) { $0 + $1.byteCount }
    ) { try rounds.survey(Set(items.map { UTF8Key($0.name) }), state, $0) }
  }

  // MARK: Combination

  private func stage(_ work: PlanStage.Work) -> PlanStage? {
    plan.stages.first { $0.work == work }
  }

  /// The last stage that combines results; nil if there is nothing to combine.
  private var lastCombination: PlanStage? {
    plan.stages.last { if case .combine = $0.work { true } else { false } }
  }

  private func combined(round: Int) throws -> JSONValue {
    var result = JSONObject()
    if let stage = stage(.survey(round: round)), let rounds = split.survey.rounds {
      result["state"] = try rounds.combine(
        folder.results(of: stage), round > 1 ? state(after: round - 1) : nil)
    }
    let isLast = lastCombination?.work == .combine(round: round)
    if isLast, let stage = stage(.identify) {
      result["identities"] = .array(try identities(stage).map(\.json))
    }
    return .object(result)
  }

  /// Returns the identities of all inputs from the checksums of their chunks.
  private func identities(_ stage: PlanStage) throws -> [InputIdentity] {
    let receipts = try folder.receipts(of: stage)
    let inputs = split.request.inputs
    var checksums = inputs.map { _ in [UInt64]() }
    for (receipt, part) in zip(receipts, split.identifiedParts) {
      guard receipt.result["input"]?.asInt == part.input,
        let found = receipt.result["checksums"]?.asString.flatMap([UInt64].init(hexadecimal:))
      else { throw damaged(receipt) }
      checksums[part.input] += found
    }
    return try inputs.enumerated().map { index, input in
      guard input.unidentifiedByteCount > 0 else { return input.identity }
      let count = input.identifiedTensors.reduce(0) { $0 + $1.info.grid.count }
      guard checksums[index].count == count else { throw ChangedInputError(path: input.path) }
      return input.contentIdentity(checksums: checksums[index])
    }
  }

  private func damaged(_ receipt: TaskReceipt) -> FormatError {
    FormatError(
      .plan, "does not have the result of this task",
      path: folder.place(receipt.stage, receipt.index),
      hint: "remove the file and run the task again")
  }

  private func combination(_ stage: PlanStage) throws -> TaskReceipt {
    let receipts = try folder.receipts(of: stage)
    guard let receipt = receipts.first else { throw UsageError("the plan has an empty stage") }
    return receipt
  }

  private func state(after round: Int) throws -> JSONValue? {
    guard let stage = stage(.combine(round: round)) else { return nil }
    return try combination(stage).result["state"]
  }

  /// Returns what all stages before the output found: the state of the survey, and the split with its identities.
  private func found() throws -> (state: JSONValue?, split: SplitOutput) {
    guard let stage = lastCombination else { return (nil, split) }
    let receipt = try combination(stage)
    var split = split
    if let list = receipt.result["identities"]?.asArray {
      let identities = list.compactMap(InputIdentity.init)
      guard identities.count == split.request.inputs.count else { throw damaged(receipt) }
      split.identify(identities)
    }
    return (receipt.result["state"], split)
  }

  // MARK: Output

  private func applied(_ task: PlanTask) throws -> TaskOutcome {
    let part = task.index - 1
    let planned = split.writer.parts[part]
    let (state, split) = try found()
    return try context.withEngine(
      .write, applyDemand, tensors: planned.tensorNames.count, byteCount: planned.valueByteCount
    ) { engine in
      if let receipt = try folder.receipt(task.stage, task.index),
        try receipt.files.allSatisfy({ try folder.holds($0, engine: engine) })
      {
        return TaskOutcome(task: task, state: .skipped)
      }
      let surveying = Engine(
        workers: engine.workers, cancellation: engine.cancellation, progress: NoProgress())
      let writer = try split.finalWriter(ofPart: part, state: state, engine: surveying)
      let file = writer.parts[part]
      let late = file.lateByteCount
      var checksum = ""
      try staged().publishFile(
        file.file, through: folder.path,
        isSame: { _, existing in
          try FileChecksum.text(of: existing, from: late, engine: engine) == checksum
        },
        { output in
          try writer.write(part: part, to: output, engine: engine)
          try context.cancellation.check()
          try checkUnchanged()
          checksum = try FileChecksum.text(of: output.path, from: late, engine: engine)
        })
      let byteCount = try FileSystem.byteCount(ofTree: folder.staged + "/" + file.file)
      var receipt = TaskReceipt(plan: folder.plan, stage: task.stage, index: task.index)
      receipt.files = [
        TaskReceipt.File(
          path: file.file, byteCount: byteCount, lateByteCount: late, checksum: checksum)
      ]
      receipt.result = .object([
        "losses": .array(engine.losses.tensors.map(\.exactJSON)),
        "kept": .array(engine.losses.kept.map { .string($0) }),
      ])
      try folder.write(receipt)
      return TaskOutcome(task: task, state: .done, writtenByteCount: byteCount)
    }
  }

  /// The memory of a part, with the survey of its own tensors.
  private var applyDemand: MemoryBudget.Demand {
    let (write, survey) = (split.applyDemand, split.surveyDemand)
    return MemoryBudget.Demand(
      fixedByteCount: write.fixedByteCount + survey.fixedByteCount,
      workerByteCount: max(write.workerByteCount, survey.workerByteCount))
  }

  private func staged() throws -> StagedDirectory {
    try AtomicOutput(
      path: plan.output, replacesExisting: split.run.settings.replacesExisting,
      inputs: split.request.output.files
    ).stagedDirectory(at: folder.staged)
  }

  private func assembled(_ task: PlanTask) throws -> TaskOutcome {
    guard let stage = stage(.apply) else { throw UsageError("the plan has no output") }
    let (state, split) = try found()
    let receipts = try folder.receipts(of: stage)
    if let (receipt, file) = try folder.missingFile(receipts) {
      throw FormatError(
        .plan, "is missing or does not have the length of its receipt",
        path: folder.staged + "/" + file,
        hint:
          "run its task again: \(command: "task PLAN --stage \(stage.name) \(receipt.index)")"
      )
    }
    let assembly = OutputAssembly(
      folder: folder, split: split, staged: try staged(), context: context)
    let byteCount = try assembly.run(receipts, state: state) { try checkUnchanged() }
    return TaskOutcome(task: task, state: .done, writtenByteCount: byteCount)
  }
}
