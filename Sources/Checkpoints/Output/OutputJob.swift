package import Base
import SystemPackage

/// One output of a command. Creating it plans and checks the output; it can then be shown or run.
package struct OutputJob: Sendable {
  package private(set) var writer: any CheckpointWriter
  private let container: (any ContainerOutput.Type)?
  package let output: Target

  /// The destination of an output.
  package enum Target: Sendable {
    case path(AtomicOutput)
    /// A pipe, or any other destination of the standard output.
    case standardOutput
  }

  /// The output name that stands for the standard output.
  package static let standardOutputName = "-"

  package var plan: OutputPlan { writer.plan }

  /// - Parameter errors: Errors that are already known.
  /// - Throws: All errors that can be found from headers, together.
  package init(
    _ checkpoint: Checkpoint, to path: String, container: any ContainerOutput.Type,
    options: WriterOptions, replacesExisting: Bool, errors: [any UserError] = []
  ) throws {
    self.container = container
    let isPipe = path == Self.standardOutputName
    let file = AtomicOutput(path: path, replacesExisting: replacesExisting)
    output = isPipe ? .standardOutput : .path(file)
    var errors = errors + checkpoint.tensors.compactMap(\.fault)
    if isPipe {
      if !container.isSequential {
        errors.append(
          UsageError(
            "only .sumac files can be written to standard output",
            hint: "leave out \(setting: "to"), or name a file with -o"))
      }
    } else {
      do { try file.check(isDirectory: container.isFolder, inputs: checkpoint.files) } catch {
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
    let file = AtomicOutput(path: path, replacesExisting: replacesExisting)
    try file.check(isDirectory: writer.isDirectory, inputs: inputs)
    self.writer = writer
    container = nil
    output = .path(file)
    try checkSpace()
  }

  /// Plans the output again, for a checkpoint that a survey has changed. Checks are not repeated.
  package mutating func replan(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    guard let container else { return }
    writer = try container.writer(checkpoint, options: options)
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
    try memory.allot(
      plan.demand, jobs: jobs, tiles: plan.tileCount, valueByteCount: plan.valueByteCount)
  }

  /// The resources that writing used, and the loss of the output.
  package struct Outcome: Sendable {
    /// The number of workers that ran, and their planned peak memory.
    package var allotment: MemoryBudget.Allotment
    /// The tensors that differ from those of the input, by name.
    package var losses: [TensorLoss]
    /// The loss of the whole output; nil if no tensor has one.
    package var loss: ModelLoss?
  }

  /// Writes the output.
  @discardableResult
  package func run(
    jobs: Int, memory: MemoryBudget, cancellation: Cancellation, progress: any Progress
  ) throws -> Outcome {
    let allotment = try allotment(jobs: jobs, memory: memory)
    progress.begin(
      .write, tensors: plan.rows.count, byteCount: plan.valueByteCount)
    defer { progress.end() }
    let engine = Engine(workers: allotment.workers, cancellation: cancellation, progress: progress)
    switch output {
    case .path(let output): try writer.write(to: output, engine: engine)
    case .standardOutput:
      try writer.write(toPipe: .standardOutput, engine: engine)
    }
    let losses = engine.losses.tensors
    return Outcome(
      allotment: allotment, losses: losses,
      loss: ModelLoss(losses, elementCount: plan.elementCount))
  }
}

/// Returns the error as a user error; rethrows any other error, which is a fault of the program.
package func asUserError(_ error: any Error) throws -> any UserError {
  guard let error = error as? any UserError else { throw error }
  return error
}
