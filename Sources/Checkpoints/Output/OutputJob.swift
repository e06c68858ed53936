package import Base
import SystemPackage

/// One output of a command. Creating it plans and checks the output; it can then be shown or run.
package struct OutputJob: Sendable {
  package private(set) var writer: any CheckpointWriter
  private let container: (any ContainerOutput.Type)?
  package private(set) var output: Target
  /// The files and folders that are read for the output.
  private let inputs: [FileIdentity]
  /// The memory that each worker needs to read values that only ids in the lineage need.
  private var lateWorkerByteCount = 0

  /// The destination of an output.
  package enum Target: Sendable {
    case path(AtomicOutput)
    /// A pipe, or any other destination of the standard output.
    case standardOutput
  }

  /// The output name that stands for the standard output.
  package static let standardOutputName = "-"

  package var plan: OutputPlan { writer.plan }

  /// - Parameters:
  ///   - errors: Errors that are already known.
  ///   - isInside: True if the path is inside a folder that is written together with this output, so that it is not
  ///     checked.
  /// - Throws: All errors that can be found from headers, together.
  package init(
    _ checkpoint: Checkpoint, to path: String, container: any ContainerOutput.Type,
    options: WriterOptions, replacesExisting: Bool, errors: [any UserError] = [],
    isInside: Bool = false
  ) throws {
    self.container = container
    inputs = checkpoint.files
    let isPipe = path == Self.standardOutputName
    let file = AtomicOutput(
      path: path, replacesExisting: replacesExisting, inputs: checkpoint.files)
    output = isPipe ? .standardOutput : .path(file)
    var errors = errors + checkpoint.tensors.compactMap(\.fault)
    if isPipe {
      if !container.isSequential {
        errors.append(
          UsageError(
            "only .sumac files can be written to standard output",
            hint: "leave out \(setting: "to"), or name a file with -o"))
      }
    } else if !isInside {
      do { try file.check(isDirectory: container.isFolder) } catch {
        errors.append(try asUserError(error))
      }
    }
    if !container.isFolder, options.shardByteCount != nil {
      errors.append(
        UsageError(
          "\(setting: "shard-size") applies to model directories, but \(path.printable) is a single file",
          hint: "name a folder with -o, without a suffix"))
    }
    if options.shardByteCount == 0 {
      errors.append(UsageError("\(setting: "shard-size") must be greater than 0"))
    }
    if errors.isEmpty, !container.holdsTerms,
      let lossy = checkpoint.tensors.first(where: \.storage.isLossy)
    {
      errors.append(
        UsageError(
          "tensor '\(lossy.name.printable)' is to be stored with loss, which \(container.name.rawValue) "
            + "cannot do", hint: "write a .sumac file"))
    }
    try SeveralErrors.throwIfAny(errors)
    writer = try container.writer(checkpoint, options: options)
    try checkSpace()
  }

  /// Creates a job for an output that `writer` has already planned.
  package init(
    _ writer: any CheckpointWriter, to path: String, inputs: [FileIdentity],
    replacesExisting: Bool
  ) throws {
    let file = AtomicOutput(
      path: path, replacesExisting: replacesExisting, inputs: inputs)
    try file.check(isDirectory: writer.isDirectory)
    self.writer = writer
    self.inputs = inputs
    container = nil
    output = .path(file)
    try checkSpace()
  }

  /// Plans the output again, for a checkpoint that a survey has changed. Checks are not repeated.
  package mutating func replan(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    guard let container else { return }
    var options = options
    options.cut = writer.partition?.parts.map(\.tensorNames)
    writer = try container.writer(checkpoint, options: options)
    lateWorkerByteCount = options.lateInputs?.workerByteCount ?? 0
  }

  /// Throws if the output cannot appear at once on its file system. Call it before long work; unlike the checks of
  /// `init`, it creates temporary folders.
  package func checkReplacement() throws {
    guard writer.isDirectory, case .path(let output) = output else { return }
    try output.checkExchange()
  }

  /// Returns the same job with another path, in a folder that is being written.
  package func moved(to path: String) -> OutputJob {
    var job = self
    job.output = .path(AtomicOutput(path: path, replacesExisting: false, inputs: inputs))
    return job
  }

  private func checkSpace() throws {
    guard plan.isExact, case .path(let output) = output,
      let free = FileSystem.freeByteCount(at: FileSystem.parent(of: output.path)),
      plan.byteCount > free
    else { return }
    throw FileError(
      "write \(ByteSize(plan.byteCount)), only \(ByteSize(free)) are free", output.path, .noSpace)
  }

  /// Returns the number of workers and their peak memory.
  package func allotment(jobs: Int, memory: MemoryBudget) throws(UsageError)
    -> MemoryBudget.Allotment
  {
    var demand = plan.demand
    demand.workerByteCount = max(demand.workerByteCount, lateWorkerByteCount)
    return try memory.allot(
      demand, jobs: jobs, tiles: plan.tileCount, valueByteCount: plan.valueByteCount)
  }

  /// The resources that writing used, and the loss of the output.
  package struct Outcome: Sendable {
    /// The number of workers that ran, and their planned peak memory.
    package var allotment: MemoryBudget.Allotment
    /// The tensors that differ from those of the input, by name.
    package var losses: [TensorLoss]
    /// The names of the tensors whose lossy forms would not have been smaller.
    package var kept: [String]
    /// The loss of the whole output; nil if no tensor has one.
    package var loss: ModelLoss?
  }

  /// Writes the output.
  /// - Parameter group: The outputs that appear together with this one, when the group is committed; nil to let it
  ///   appear as soon as it is written.
  @discardableResult
  package func run(
    jobs: Int, memory: MemoryBudget, cancellation: Cancellation, progress: any Progress,
    group: OutputGroup? = nil
  ) throws -> Outcome {
    let allotment = try allotment(jobs: jobs, memory: memory)
    progress.begin(
      .write, tensors: plan.rows.count, byteCount: plan.valueByteCount)
    defer { progress.end() }
    let engine = Engine(
      workers: allotment.workers, cancellation: cancellation,
      progress: TensorProgress(progress, companions: plan.companions))
    switch output {
    case .path(var output):
      output.group = group
      try writer.write(to: output, engine: engine)
    case .standardOutput:
      try writer.write(toPipe: .standardOutput, engine: engine)
      for input in inputs { try input.file?.checkUnchanged() }
    }
    let losses = engine.losses.tensors
    return Outcome(
      allotment: allotment, losses: losses, kept: engine.losses.kept,
      loss: ModelLoss(losses, elementCount: plan.elementCount))
  }
}

/// Returns the error as a user error; rethrows any other error, which is a fault of the program.
package func asUserError(_ error: any Error) throws -> any UserError {
  guard let error = error as? any UserError else { throw error }
  return error
}
