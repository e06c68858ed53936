import Base
import Checkpoints
import SystemPackage

/// The plan of a batch: the output folder with its journal, and every model with what is to be done.
struct BatchPlan {
  private let output: BatchFolder
  let journal: BatchJournal
  private(set) var jobs: [PlannedJob] = []
  private let start: BatchEvent
  private let startsOver: Bool
  /// The number of threads and the memory of all models together.
  let context: OperationContext

  var folder: String { output.path }

  /// Finds the models, and plans each of them from its headers and the journal.
  /// - Throws: The errors that concern the batch as a whole. An output folder that was created for the plan is gone then.
  init(_ batch: BatchOperation, _ context: OperationContext, isDryRun: Bool) throws {
    let (found, notes) = try batch.jobs(context)
    for note in notes { context.observer.report(.note(note)) }
    self.context = context
    output = try BatchFolder(batch.folder)
    do {
      try SeveralErrors.throwIfAny(output.errors(found))
      journal = try BatchJournal(folder: output.path, isReadOnly: isDryRun)
      // A file may change between two runs; the settings of a command may not.
      let command = batch.source.map { "batch \($0)" } ?? batch.verbs
      let settings = try batch.source == nil ? batch.steps.digest(context.choice) : ""
      startsOver = !batch.resumes
      start = .start(command: command, settings: settings, startsOver: startsOver)
      if batch.resumes { try Self.check(journal, command, settings, folder: output.path) }
      if let warning = journal.warning { context.observer.report(.warning(warning)) }
      jobs = try BatchPlanner(
        folder: output.path, past: journal.past, replacesExisting: batch.replacesExisting,
        resumes: batch.resumes, context: context
      ).planned(found)
      try checkSpace(keepsIntermediates: batch.keepsIntermediates)
    } catch {
      output.removeUnused()
      throw error
    }
  }

  /// Throws if the journal is that of another command.
  private static func check(
    _ journal: BatchJournal, _ command: String, _ settings: String, folder: String
  ) throws(UsageError) {
    guard let start = journal.past.start else { return }
    guard start.command != command || start.settings != settings else { return }
    let other =
      start.command == command ? "\(command) with other options" : start.command.printable
    throw UsageError(
      "\(folder.printable) has the journal of another batch: \(other)",
      hint: "choose another folder with -o, or start over with \(setting: "no-resume")")
  }

  /// The errors of single models.
  var jobErrors: [any UserError] {
    jobs.compactMap { planned in
      planned.error.map { BatchError(name: planned.job.input, $0) }
    }
  }

  /// Throws the errors of the models if none of them can be done, or if one error is enough.
  func checkErrors(stopsAtFailure: Bool, _ context: OperationContext) throws {
    let errors = jobErrors
    guard !errors.isEmpty, stopsAtFailure || errors.count == jobs.count else { return }
    discard()
    throw SeveralErrors(errors: errors.flatMap { ($0 as? SeveralErrors)?.errors ?? [$0] })
  }

  /// Records the start of the command in the journal, and removes what a killed run left unfinished.
  func begin() throws {
    if journal.past.unfinished.isEmpty {
      try context.reportAbandoned(in: output.path)
    } else {
      _ = try AbandonedOutputs.remove(in: output.path)
    }
    if journal.past.start == nil || startsOver { try journal.append([start]) }
  }

  /// Removes the output folder if it was created for the plan.
  func discard() { output.removeUnused() }

  // MARK: Sizes

  var pending: [PlannedJob] { jobs.filter(\.isPending) }

  /// The size of the outputs that are left to write, or an upper bound.
  var byteCount: Int { pending.reduce(0) { $0 + ($1.outputOutline?.byteCount ?? 0) } }
  var isExact: Bool { pending.allSatisfy { $0.outputOutline?.isExact ?? false } }

  /// The model with the most bytes of values to read.
  var longest: PlannedJob? { pending.max { $0.valueByteCount < $1.valueByteCount } }

  /// An upper bound of the peak memory: that of the models that need the most, as many as run side by side.
  var peakByteCount: Int {
    let needs = pending.map { planned in
      MemoryBudget.byteCount(planned.demand, workers: 1)
    }.sorted(by: >)
    let all = needs.prefix(context.jobs).reduce(ResidentMemory.peakByteCount, +)
    return min(context.memory.limit, max(all, ResidentMemory.peakByteCount))
  }

  /// The bytes that are free on the file system of the outputs; nil if unknown.
  var freeByteCount: Int? { FileSystem.freeByteCount(at: output.path) }

  /// Throws if the outputs whose size is known do not fit on the disk together.
  private func checkSpace(keepsIntermediates: Bool) throws {
    guard let free = freeByteCount else { return }
    let known = pending.reduce(0) { sum, planned in
      let outlines =
        keepsIntermediates ? planned.outlines : [planned.outputOutline].compactMap(\.self)
      return sum + outlines.reduce(0) { $0 + ($1.isExact ? $1.byteCount : 0) }
    }
    guard known > free else { return }
    throw FileError(
      "write \(ByteSize(known)) for \(pending.count.counted("model")), only \(ByteSize(free)) are free",
      output.path, .noSpace)
  }
}
