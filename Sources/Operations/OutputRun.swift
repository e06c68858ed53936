import Base
import Checkpoints
import Containers
import Evaluation
import Glibc
import Reporting
import TensorCore

/// Runs an operation that writes a checkpoint: check, plan, survey, write, report.
struct OutputRun {
  var request: OutputRequest
  private let verb: String
  let settings: OutputSettings
  let context: OperationContext
  private let start = ContinuousClock.now
  /// The inputs whose ids become known while the output is written; nil if they are known before.
  private var lateInputs: LateInputs?

  init(
    _ request: OutputRequest, verb: String, _ settings: OutputSettings,
    _ context: OperationContext
  ) {
    self.request = request
    self.request.output = settings.companions.applied(to: request.output)
    self.verb = verb
    self.settings = settings
    self.context = context
  }

  func run() throws -> OperationResult {
    var run = self
    return try run.checkedAndWritten()
  }

  private mutating func checkedAndWritten() throws -> OperationResult {
    var job = try checkedJob()
    try job.checkReplacement()
    try reportAbandoned(job)
    if settings.recordsLineage, request.writer == nil {
      lateInputs = try identifiesLate ? LateInputs(request.inputs) : nil
      if lateInputs == nil { request.inputs = try context.identified(request.inputs) }
      try job.replan(request.output, options: options(for: container()))
    }
    let surveyed = try survey(&job)
    report(job, surveyed.notices, notes: request.notes)
    try context.cancellation.check()
    let outcome = try write(job, extras: surveyed.extras)
    try surveyed.finish?()
    if let lateInputs {
      // The writer has read what the ids need.
      let engine = Engine(
        workers: 1, cancellation: context.cancellation, progress: NoProgress())
      request.inputs = try lateInputs.identified(engine: engine)
    }
    let allotment = outcome.allotment
    let written = try writtenByteCount(job)
    if let warning = LossWarning.message(for: outcome.losses) {
      context.observer.report(.warning(warning))
    }
    context.observer.report(.note(summary(of: job, written: written)))
    if let loss = outcome.loss { context.observer.report(.note(Message(loss.summary))) }
    for fact in facts(outcome) { context.observer.report(.note(fact)) }
    let evaluation = try evaluated()
    context.observer.report(.measurement("time \(ContinuousClock.now - start)"))
    context.observer.report(
      .measurement(
        "peak resident memory \(ResidentMemory.peakByteCount) bytes, "
          + "\(allotment.peakByteCount) planned, \(allotment.workers) workers"))
    var result = OperationResult()
    if let report = surveyed.report, let written {
      result.reports = [try report(written, evaluation)]
    }
    result.written = try outputReport(job, surveyed, written: written)
    result.written?.loss = outcome.loss
    result.written?.evaluation = evaluation
    return result
  }

  func plan() throws -> PlanReport {
    var job = try checkedJob()
    var run = self
    let surveyed =
      try request.survey?.isNeededForPlan == true ? run.survey(&job) : SurveyedOutput()
    report(job, surveyed.notices, notes: request.planNotes ?? request.notes)
    for fact in request.facts { context.observer.report(.note(fact)) }
    var allotment = try job.allotment(jobs: context.jobs, memory: context.memory)
    if let survey = request.survey, survey.makesValues {
      let other = try context.allotment(of: survey.demand)
      if other.peakByteCount > allotment.peakByteCount { allotment = other }
    }
    let hasValues = request.survey?.makesValues != true
    if let evaluation = request.evaluation { context.observer.report(.note(evaluation.planned)) }
    return PlanReport(
      output: settings.path, format: try format, plan: job.plan, allotment: allotment,
      estimatedByteCount: try surveyed.byteCount
        ?? (hasValues ? job.writer.estimatedByteCount() : nil))
  }

  /// True if the writer can record the ids of the inputs from checksums that are gathered while it reads their values.
  private var identifiesLate: Bool {
    get throws {
      try request.survey == nil && request.sidePaths.isEmpty
        && request.inputs.contains { $0.unidentifiedByteCount > 0 }
        && request.inputs.allSatisfy(\.gathersChecksums) && container().recordsLateInputs
    }
  }

  // MARK: Check

  private var format: String {
    get throws { try request.writer?.format ?? settings.container.name.rawValue }
  }

  /// Returns the output's job after checking its names, plan, disk space and memory.
  func checkedJob() throws -> OutputJob {
    let job: OutputJob
    if let (writer, _) = request.writer {
      try SeveralErrors.throwIfAny(request.errors)
      job = try OutputJob(
        writer, to: settings.path, inputs: request.output.files,
        replacesExisting: settings.replacesExisting)
    } else {
      let container = try container()
      job = try OutputJob(
        request.output, to: settings.path, container: container,
        options: options(for: container), replacesExisting: settings.replacesExisting,
        errors: request.errors)
    }
    try SeveralErrors.throwIfAny(SideOutput.errors(request.sidePaths, besides: job))
    _ = try job.allotment(jobs: context.jobs, memory: context.memory)
    return job
  }

  /// Returns the container of the output.
  /// - Throws: The error of the container, together with the errors of the request.
  func container() throws -> any ContainerOutput.Type {
    if settings.path == OutputJob.standardOutputName, isatty(1) == 1 {
      let error = UsageError(
        "cannot write a checkpoint to a terminal",
        hint: "pass a file name with -o, or pipe the output to another program")
      throw SeveralErrors(errors: request.errors + [error])
    }
    do { return try settings.container } catch {
      throw SeveralErrors(errors: request.errors + [try asUserError(error)])
    }
  }

  /// Returns the writer options, which determine the bytes of the output.
  func options(for container: any ContainerOutput.Type) -> WriterOptions {
    var options = settings.writerOptions
    if settings.recordsLineage {
      options.lineage = Lineage(
        verb: request.verb ?? verb,
        options: request.options + context.choice.lineageOptions
          + container.lineageOptions(options) + settings.choiceOptions,
        versions: Version.shapingOutput, inputs: request.inputs)
      options.lateInputs = lateInputs
    }
    return options
  }

  // MARK: Survey and output

  private mutating func survey(_ job: inout OutputJob) throws -> SurveyedOutput {
    guard let survey = request.survey else { return SurveyedOutput() }
    var options = try request.writer == nil ? options(for: container()) : settings.writerOptions
    let planned = options
    let surveyed = try context.withEngine(
      survey.phase, survey.demand, tensors: survey.tensorCount, byteCount: survey.byteCount
    ) { try survey.run($0, planned) }
    if let found = surveyed.options {
      request.options = found
      if request.writer == nil { options = try self.options(for: container()) }
    }
    if let output = surveyed.output {
      try job.replan(settings.companions.applied(to: output), options: options)
    }
    return surveyed
  }

  /// Evaluates the output, if that was asked for, and reports the figures.
  private func evaluated() throws -> EvaluationReport? {
    guard let report = try request.evaluation?.report(of: settings.path, context) else {
      return nil
    }
    for line in report.summary { context.observer.report(.note(Message(line))) }
    return report
  }

  private func writtenByteCount(_ job: OutputJob) throws -> Int? {
    guard case .path(let output) = job.output else { return nil }
    return try FileSystem.byteCount(ofTree: output.path)
  }

  // MARK: Reports

  /// The statements about the output after its summary.
  private func facts(_ outcome: OutputJob.Outcome) -> [Message] {
    guard !outcome.kept.isEmpty else { return request.facts }
    let shown = outcome.kept.prefix(4).map(\.printable).joined(separator: ", ")
    let others = outcome.kept.count - 4
    return request.facts + [
      "kept without loss, because the type would not make them smaller: \(shown)"
        + (others > 0 ? " and \(others) more" : "")
    ]
  }

  /// Warns about unfinished outputs of the same name whose writers are dead.
  private func reportAbandoned(_ job: OutputJob) throws {
    guard case .path(let output) = job.output, context.reportsAbandoned else { return }
    let folder = FileSystem.parent(of: output.path)
    // A folder in which files may be created need not be readable.
    guard unsafe access(folder, R_OK) == 0 else { return }
    try context.reportAbandoned(in: folder, of: FileSystem.baseName(of: output.path))
  }

  private func report(_ job: OutputJob, _ notices: [OperationNotice], notes: [Message]) {
    for notice in notices { context.observer.report(notice) }
    for note in warnings(of: job, notes: notes) { context.observer.report(.warning(note)) }
    for row in job.plan.rows {
      context.observer.report(.decision(tensor: row.name, from: row.from, to: row.to))
    }
  }

  var fileNotes: [Message] {
    request.output.notesOnSkippedFiles
      + [request.noteOnUnchangedFiles(in: settings)].compactMap(\.self)
  }

  private func warnings(of job: OutputJob, notes: [Message]) -> [Message] {
    notes + fileNotes + sparsityNotes + job.plan.notes
  }

  /// A note if sparse tensors grow because the output format stores every zero.
  private var sparsityNotes: [Message] {
    guard request.writer == nil, let container = try? settings.container, !container.holdsTerms
    else { return [] }
    let sparse = (request.carried ?? request.inputs).flatMap(\.tensors).filter {
      $0.aliasOf == nil && $0.record.isSparse
    }
    guard !sparse.isEmpty else { return [] }
    let before = sparse.reduce(0) { $0 + $1.stored.byteCount }
    let after = sparse.reduce(0) { $0 + $1.info.byteCount }
    return [
      "\(sparse.count.counted("tensor")) stored sparse in \(ByteSize(before)) will take "
        + "\(ByteSize(after)): \(container.name.rawValue) stores every zero"
    ]
  }

  private func outputReport(
    _ job: OutputJob, _ surveyed: SurveyedOutput, written: Int?
  ) throws -> OutputReport {
    var report = OutputReport(verb: verb, path: written == nil ? nil : settings.path)
    report.inputIDs = request.inputs.map(\.identity.id)
    report.format = try format
    report.tensorCount = job.plan.rows.count
    report.fileCount = job.plan.companions.count
    report.byteCount = written
    report.inputPaths = request.inputs.map(\.path)
    report.inputByteCount = request.inputs.reduce(0) { $0 + $1.fileByteCount }
    report.warnings =
      surveyed.notices.compactMap { notice in
        if case .warning(let text) = notice { text } else { nil }
      } + warnings(of: job, notes: request.notes)
    return report
  }

  private func summary(of job: OutputJob, written: Int?) -> Message {
    let plan = job.plan
    let count =
      plan.rows.isEmpty && !plan.companions.isEmpty
      ? plan.companions.count.counted("file") : plan.rows.count.counted("tensor")
    guard let written else { return "standard output: \(count)" }
    let text: Message = "\(settings.path.printable): \(count), \(ByteSize(written))"
    // A share of several inputs together means nothing: a merge of two models is not half of one. Nor has the size of
    // computed values to do with that of the input.
    guard request.inputs.count == 1, request.survey?.makesValues != true,
      let read = request.inputs.first?.fileByteCount, read > 0
    else { return text }
    return text
      + ", \((Double(written) / Double(read) * 100).fixed(decimals: 1)) % of the input"
  }
}

extension OperationContext {
  /// Warns about unfinished outputs in a folder whose writers are dead.
  /// - Parameter output: The name of the output to which they belong; nil for all.
  func reportAbandoned(in folder: String, of output: String? = nil) throws {
    let abandoned = try AbandonedOutputs.entries(in: folder, of: output).filter {
      $0.state == .abandoned
    }
    guard !abandoned.isEmpty else { return }
    observer.report(
      .warning(
        "left by runs that were killed: \(abandoned.map(\.name.printable).joined(separator: ", ")); "
          + "remove with: \(command: "doctor --clean '\(folder.printable)'")"))
  }
}
