import Base
import Checkpoints
import Synchronization

/// Plans the models of a batch from their headers and the journal.
struct BatchPlanner: Sendable {
  let folder: String
  let past: BatchJournal.Past
  /// True if existing outputs of others are replaced.
  let replacesExisting: Bool
  /// False to plan all work again, whatever is done.
  let resumes: Bool
  let context: OperationContext

  /// Plans all models, several at a time. The errors of a model are part of its plan.
  func planned(_ jobs: [BatchJob]) throws -> [PlannedJob] {
    let results = Mutex([PlannedJob?](repeating: nil, count: jobs.count))
    try Parallel(jobs: context.jobs, cancellation: context.cancellation).forEach(
      count: jobs.count, workspaceByteCount: 0
    ) { index, _ in
      var planned = try plan(of: jobs[index])
      planned.releaseHeaders()
      results.withLock { $0[index] = planned }
    }
    return results.withLock { $0 }.compactMap(\.self)
  }

  private func plan(of job: BatchJob) throws -> PlannedJob {
    var planned = PlannedJob(job, output: folder + "/" + job.name)
    do {
      planned.inputStamp = try FileStamp(of: job.inputPaths).text
      try compare(&planned)
      if case .skip = planned.action { return planned }
      try addOutlines(&planned)
    } catch let error as InterruptedError {
      throw error
    } catch {
      planned.action = .fail(try asUserError(error))
    }
    return planned
  }

  // MARK: Earlier results

  /// Compares the stamps of inputs and output with the journal.
  private func compare(_ planned: inout PlannedJob) throws {
    let key = UTF8Key(planned.job.name)
    let stamp = try FileStamp(ofOutput: planned.output)?.text
    planned.outputStamp = stamp
    let unfinished = past.unfinished[key]
    planned.mayReplace = replacesExisting
    planned.mayReplaceIntermediates = replacesExisting || past.attempted.contains(key)
    guard let stamp else { return }
    let isWritten = unfinished?.wrote(stamp) ?? false
    if isWritten || past.written[key]?.contains(stamp) == true { planned.mayReplace = true }
    guard resumes else { return }
    if let done = past.done[key], done.settings == planned.job.settings {
      guard try isSame(planned.output, stamp, as: done) else { return }
      if done.inputStamp == planned.inputStamp, done.outputStamp == stamp {
        planned.action = .skip(done)
      } else if try done.inputStamp == planned.inputStamp || hasSameInput(planned.job, as: done) {
        var renewed = done
        (renewed.inputStamp, renewed.outputStamp) = (planned.inputStamp, stamp)
        planned.action = .skip(renewed)
        planned.hasNewStamps = true
      }
    } else if let plan = unfinished?.plan, isWritten, plan.settings == planned.job.settings,
      plan.inputStamp == planned.inputStamp
    {
      planned.action = .finish
    }
  }

  /// Returns true if an output is the one that was written, by its stamp or by an id that covers its values.
  private func isSame(
    _ path: String, _ stamp: String, as done: BatchEvent.Done
  ) throws -> Bool {
    if stamp == done.outputStamp { return true }
    guard let id = done.outputID, coversValues(id) else { return false }
    return (try? context.read(path, for: .report))?.identity.id == id
  }

  /// Returns true if the content of the inputs is that of the run before, although their times or lengths changed.
  private func hasSameInput(_ job: BatchJob, as done: BatchEvent.Done) throws -> Bool {
    guard !done.inputIDs.isEmpty, done.inputIDs.allSatisfy(coversValues),
      let step = job.steps.first
    else { return false }
    var operation = step.operation
    operation.bind(input: job.input, output: folder + "/" + job.name)
    operation.replacesExisting = true
    guard let outline = try? operation.outline(context.quiet) else { return false }
    return try context.quiet.identified(outline.inputs).map(\.identity.id) == done.inputIDs
  }

  private func coversValues(_ id: String) -> Bool {
    !id.hasPrefix(InputIdentity.Coverage.headers.rawValue + ":")
  }

  // MARK: Headers

  /// Adds the outline of each step. A step after the first is planned with the planned output of the one before it.
  private func addOutlines(_ planned: inout PlannedJob) throws {
    var context = context.quiet
    for index in planned.job.steps.indices {
      let operation = planned.operation(ofStep: index)
      let outline: WorkOutline
      do { outline = try operation.outline(context) } catch let error as FileError
        where index > 0 && error.path == planned.outputPath(ofStep: index - 1)
      {
        // The operation reads more than the catalog of its input, which does not exist yet.
        return
      }
      planned.outlines.append(outline)
      if index == 0, !operation.writesCheckpoint { try checkReport(planned) }
      // The layouts of other programs cannot stand for the output that the next step reads.
      guard let result = outline.output else { return }
      context.plannedOutputs[planned.outputPath(ofStep: index)] = result
    }
  }

  private func checkReport(_ planned: PlannedJob) throws {
    _ = try BatchReportFormat(name: planned.job.name)
    try ReportFile.check(
      planned.output, replacesExisting: planned.mayReplace, inputs: [planned.job.input])
  }
}

extension OperationContext {
  /// The context without messages and progress.
  var quiet: OperationContext {
    var context = self
    context.observer = SilentObserver()
    return context
  }
}

/// An observer that ignores everything.
private struct SilentObserver: OperationObserver {
  var progress: any Progress { NoProgress() }
  func report(_ notice: OperationNotice) {}
}
