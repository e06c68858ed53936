package import Base
import Checkpoints
package import Reporting

/// Runs operations on each of many models.
///
/// A journal in the output folder lets the same operation skip what is done, and redo what changed.
package struct BatchOperation: Operation {
  package static let verb = "batch"

  /// The path of the output folder, which is created if it does not exist.
  package var folder: String
  package var models: [BatchModel]
  /// The path of a list of more models; `-` is standard input.
  package var list: String?
  /// The steps of the models without steps of their own; the output of each is the input of the next.
  package var steps: [BatchStep]
  /// The template of the names of the outputs; derived from the last step if nil.
  package var name: String?
  /// The name of the file that describes the batch; nil if a command does. The file may change between two runs.
  package var source: String?
  /// False to start over, whatever the journal contains.
  package var resumes = true
  /// True if no model is started after another one failed.
  package var stopsAtFailure = false
  /// True if the outputs of all steps are kept, not only those of the last.
  package var keepsIntermediates = false
  /// True if existing outputs of others are replaced.
  package var replacesExisting = false
  /// The path of a page about the results; nil to write none.
  package var page: String?

  package init(folder: String, models: [BatchModel], steps: [BatchStep]) {
    self.folder = folder
    self.models = models
    self.steps = steps
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let start = ContinuousClock.now
    let plan = try BatchPlan(self, context, isDryRun: false)
    try plan.checkErrors(stopsAtFailure: stopsAtFailure, context)
    let page: BatchPageFile?
    do { page = try pageFile(plan) } catch {
      plan.discard()
      throw error
    }
    try plan.begin()
    for error in plan.jobErrors { context.observer.report(.failure(error)) }
    let results = try BatchRun(
      planned: plan.jobs, journal: plan.journal, stopsAtFailure: stopsAtFailure,
      keepsIntermediates: keepsIntermediates, context: context
    ).results()
    let report = BatchReport(
      command: verbs, folder: plan.folder, results: results,
      seconds: (ContinuousClock.now - start) / .seconds(1))
    try page?.write(report)
    context.observer.report(
      .measurement("peak resident memory \(ResidentMemory.peakByteCount) bytes"))
    return OperationResult(reports: [report], status: report.status)
  }

  private func pageFile(_ plan: BatchPlan) throws -> BatchPageFile? {
    try page.map {
      try BatchPageFile($0, replacesExisting: replacesExisting, besides: plan.jobs)
    }
  }

  /// Returns the plan of all models. Writes nothing.
  /// - Throws: The errors that concern the batch as a whole, and those of its models if none can be done.
  package func plan(_ context: OperationContext) throws -> any Report {
    let plan = try BatchPlan(self, context, isDryRun: true)
    defer { plan.discard() }
    try plan.checkErrors(stopsAtFailure: stopsAtFailure, context)
    _ = try pageFile(plan)
    for error in plan.jobErrors { context.observer.report(.failure(error)) }
    return BatchPlanReport(verbs, plan)
  }

  /// The verbs of the steps, such as `prune, convert`.
  var verbs: String { (models.first?.steps ?? steps).verbs }

  // MARK: Jobs

  /// Returns the models with their names, and notes on how they were found.
  /// - Throws: All errors of inputs and names together.
  package func jobs(_ context: OperationContext) throws -> (jobs: [BatchJob], notes: [Message]) {
    let listed = try list.map { try BatchInputList.paths($0, context) } ?? []
    let models = models + listed.map { BatchModel(path: $0) }
    guard !models.isEmpty else { throw UsageError("the batch has no inputs") }
    let opensFolders = (models.first?.steps ?? steps).first?.operation.opensFolders ?? true
    let inputs = try BatchInputs(models.map(\.path), opensFolders: opensFolders, context)
    var errors = inputs.errors
    // Another version of the program may write other bytes.
    func settings(_ steps: [BatchStep]) throws -> String {
      try steps.digest(context.choice, versions: Version.shapingOutput)
    }
    let common = try settings(steps)
    var jobs: [BatchJob] = []
    // The fault of a template is that of all models that use it.
    var templates: [String: BatchName?] = [:]
    for (index, input) in inputs.all.enumerated() {
      let model = models[input.entry]
      let steps = model.steps ?? steps
      let text = model.name ?? name ?? "{stem}" + steps.outputSuffix
      if templates[text] == nil {
        do { templates[text] = .some(try BatchName(text)) } catch {
          templates[text] = .some(nil)
          errors.append(error)
        }
      }
      guard let template = templates[text] ?? nil else { continue }
      let name = template.text(for: input.path, index: index, count: inputs.all.count)
      jobs.append(
        BatchJob(
          input: input.path, name: name, steps: replacing(steps),
          settings: model.steps == nil ? common : try settings(steps)))
    }
    errors += settingErrors
    try SeveralErrors.throwIfAny(errors)
    return (jobs, inputs.notes)
  }

  private func replacing(_ steps: [BatchStep]) -> [BatchStep] {
    guard replacesExisting else { return steps }
    return steps.map { step in
      var step = step
      step.operation.replacesExisting = true
      return step
    }
  }

  /// The errors of settings that name one file for all models.
  private var settingErrors: [any UserError] {
    let all = Set((steps + models.flatMap { $0.steps ?? [] }).flatMap(\.operation.unsharedSettings))
    return all.sorted().map { name in
      UsageError(
        "\(setting: name) names one file, which every model of the batch would write",
        hint: "leave it out, or run the command for one model at a time")
    }
  }
}
