import Base
import Checkpoints
import Codecs
import Glibc
import PackedFormat
import Reporting
import TensorCore

/// The second half of every command that writes a checkpoint: plan, show or run, report.
struct OutputCommand {
  let global: GlobalOptions
  let writer: WriterFlags
  /// What the weights of a model directory are called, without suffix.
  var weightsName = "model"

  /// - Parameter carried: the inputs whose tensors the output has as they are; all if not given.
  func run(
    verb: String, options: [Lineage.Option], inputs: [Checkpoint], output: Checkpoint,
    errors: [any UserError], notes: [String] = [], carried: [Checkpoint]? = nil
  ) throws {
    let start = ContinuousClock.now
    let container = try container(known: errors)
    let job = try OutputJob(
      output, to: writer.output, container: container,
      options: self.options(verb: verb, options, inputs: inputs, container: container),
      replacesExisting: writer.force, errors: errors)
    try run(
      job, format: container.name.rawValue, inputs: inputs,
      notes: notes + sparsityNotes(of: carried ?? inputs, container), since: start)
  }

  /// Shows or runs a job, and reports it.
  /// - Parameter format: of the output, for people.
  func run(
    _ job: OutputJob, format: String, inputs: [Checkpoint], notes: [String],
    since start: ContinuousClock.Instant
  ) throws {
    let budget = MemoryBudget(limit: global.memory.size.byteCount)
    let allotment = try job.allotment(jobs: global.jobCount, memory: budget)
    if !global.quiet {
      for note in notes + job.plan.notes {
        Terminal.warn(note, color: global.color)
      }
    }
    if global.verbose > 0, !global.quiet {
      for row in job.plan.rows {
        Terminal.note("\(row.name.printable): \(row.from) to \(row.to)")
      }
    }
    guard !writer.dryRun else {
      let report = PlanReport(
        output: writer.output, format: format, plan: job.plan, allotment: allotment,
        estimatedByteCount: try job.writer.estimatedByteCount())
      return try StandardOutput.write(report.rendered(as: .text, width: StandardOutput.width))
    }
    let cancellation = Cancellation()
    SignalWatch.begin(cancellation)
    try job.run(
      jobs: global.jobCount, memory: budget, cancellation: cancellation,
      progress: global.makeProgress())
    guard !global.quiet else { return }
    Terminal.note(try summary(of: job, inputs: inputs))
    if global.verbose > 1 {
      Terminal.note("time \(ContinuousClock.now - start)")
      Terminal.note(
        "peak resident memory \(ResidentMemory.peakByteCount) bytes, "
          + "\(allotment.peakByteCount) planned, \(allotment.workers) workers")
    }
  }

  /// Throws what is known to be wrong before the work that `run` would do: of the output's name, of
  /// the plan and of the memory it needs.
  func check(
    verb: String, options: [Lineage.Option], inputs: [Checkpoint], output: Checkpoint,
    errors: [any UserError]
  ) throws {
    let container = try container(known: errors)
    let job = try OutputJob(
      output, to: writer.output, container: container,
      options: self.options(verb: verb, options, inputs: inputs, container: container),
      replacesExisting: writer.force, errors: errors)
    _ = try job.allotment(
      jobs: global.jobCount, memory: MemoryBudget(limit: global.memory.size.byteCount))
  }

  /// What shapes the bytes of the output.
  func options(
    verb: String, _ options: [Lineage.Option], inputs: [Checkpoint],
    container: any ContainerOutput.Type
  ) -> WriterOptions {
    var result = WriterOptions(
      compression: writer.compress, isSealed: writer.sealed,
      hasContentIDs: writer.contentIds, shardByteCount: writer.shardSize?.size.byteCount,
      keepsAliases: writer.aliases == .keep)
    result.weightsName = weightsName
    if !writer.leavesOutLineage {
      let shaping = container.lineageOptions(result) + writer.aliasOptions
      result.lineage = Lineage(
        verb: verb, options: options + shaping, versions: Versions.shapingOutput, inputs: inputs)
    }
    return result
  }

  /// The container of the output; if there is none, that error together with those that are known.
  private func container(known errors: [any UserError]) throws -> any ContainerOutput.Type {
    if writer.output == OutputJob.standardOutputName, isatty(1) == 1 {
      let error = UsageError(
        "a checkpoint is not written to a terminal", hint: "name a file with -o, or pipe it on")
      throw SeveralErrors(errors: errors + [error])
    }
    do { return try writer.container } catch {
      throw SeveralErrors(errors: errors + [try asUserError(error)])
    }
  }

  /// Tensors that take more room because the output has no way to leave zeros out.
  private func sparsityNotes(of inputs: [Checkpoint], _ container: any ContainerOutput.Type)
    -> [String]
  {
    guard !container.holdsTerms else { return [] }
    var (count, before, after) = (0, 0, 0)
    for input in inputs {
      for tensor in input.tensors where tensor.aliasOf == nil && tensor.record.isSparse {
        count += 1
        before += tensor.stored.byteCount
        after += tensor.info.byteCount
      }
    }
    guard count > 0 else { return [] }
    return [
      "\(count.counted("tensor")) stored sparse in \(ByteSize(before)) will take "
        + "\(ByteSize(after)): \(container.name.rawValue) writes every zero"
    ]
  }

  private func summary(
    of job: OutputJob, inputs: [Checkpoint]
  ) throws -> String {
    guard case .path(let output) = job.output else {
      return "standard output: \(job.plan.rows.count.counted("tensor"))"
    }
    let written = try FileSystem.byteCount(ofTree: output.path)
    let read = inputs.reduce(0) { $0 + $1.fileByteCount }
    var text =
      "\(writer.output.printable): \(job.plan.rows.count.counted("tensor")), \(ByteSize(written))"
    if read > 0 {
      text += ", \((Double(written) / Double(read) * 100).fixed(decimals: 1)) % of the input"
    }
    return text
  }
}

extension WriterFlags {
  /// What lineage records of aliases that are left out.
  fileprivate var aliasOptions: [Lineage.Option] {
    aliases == .drop ? [Lineage.Option("aliases", "drop")] : []
  }
}
