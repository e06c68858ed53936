import AdaMerging
import BLAS
import Base
import Checkpoints
import Coefficients
import Examples
import Merging
import Models
import Networks
import TensorCore
import Training

/// A merge whose coefficients are learned before its output is written.
struct LearnedMerge {
  private let settings: LearningSettings
  private let merging: Merging
  private let models: [String: Checkpoint]
  private let base: Checkpoint
  private let configuration: ModelConfiguration
  private let recipe: CoefficientRecipe
  private let tasks: [LearningTask]
  private let rows: CoefficientRows
  private let draws: BatchDraws
  private let output: OutputSettings
  private let context: OperationContext
  private let memory: Memory

  /// The plan of the memory.
  struct Memory {
    var byteCount = 0
    /// True if the merged weights are kept in memory, so that each step forms them once.
    var holdsWeights = true
    /// True if blocks are computed again in the backward pass.
    var usesSegments = false
    /// The tensors that the objective depends on.
    var usedNames: Set<String> = []
  }

  /// Reads and checks everything that the learning needs.
  /// - Throws: All errors that headers, data and heads show.
  init(
    _ settings: LearningSettings, _ merging: Merging, models: [String: Checkpoint], seed: UInt64,
    _ output: OutputSettings, _ context: OperationContext
  ) throws {
    try SeveralErrors.throwIfAny(merging.errors)
    guard let base = merging.host else { preconditionFailure("a merge with a base has a host") }
    (self.settings, self.merging, self.models) = (settings, merging, models)
    (self.base, self.output, self.context) = (base, output, context)
    try LearningOutputs.check(settings, models: merging.inputs.map(\.path), output)
    guard settings.data.count == merging.learnedModels.count else {
      throw UsageError(
        "\(settings.data.count.counted("task")) with data for \(merging.learnedModels.count.counted("model")), expected as many",
        hint: "give \(setting: "data") NAME=FILE for the task of each model")
    }
    let files = ModelFiles(checkpoint: base, path: base.path)
    configuration = try LearnedConfiguration.configuration(settings.architecture, of: files)
    let network = try Network<Float>.network(of: base, configuration, Compute.counting(jobs: 1))
    let reader = try LearningTaskReader(settings, network, files, context)
    let tasks = try reader.tasks()
    self.tasks = tasks
    let given = try settings.draws.map { try LearningDraws($0, settings, tasks, context) }
    var recipe = settings.recipe
    recipe.batchSize = given?.batchSize ?? recipe.batchSize
    recipe.batchCount = given?.batchCount ?? recipe.batchCount
    self.recipe = recipe
    draws = given?.draws ?? .random(seed: seed)
    if recipe.objective == .loss, !network.family.hasLogits {
      throw UsageError(
        "\(setting: "objective", "loss") needs a language model, whose text is its own label",
        hint: "use \(setting: "objective", "entropy"): labels are never learned from")
    }
    if given == nil { try Self.checkCounts(tasks, recipe, settings) }
    rows = CoefficientRows(
      merging.learnedTensors, settings.grouping,
      blocks: (0..<network.layerCount).map(network.blockPrefix))
    memory = try Self.memory(
      base, configuration, merging, rows, recipe, tasks, context)
  }

  /// Checks that each task has enough examples for a step without repetition.
  private static func checkCounts(
    _ tasks: [LearningTask], _ recipe: CoefficientRecipe, _ settings: LearningSettings
  ) throws {
    var errors: [any UserError] = []
    for (task, entry) in zip(tasks, settings.data) where task.data.count < recipe.exampleCount {
      errors.append(
        FormatError(
          .learningData,
          "has \(task.data.count.counted("example")) of task '\(task.name.printable)', expected at least \(recipe.exampleCount): \(recipe.batchCount) × \(recipe.batchSize) in a step",
          path: entry.path,
          hint: "give more examples, or use a smaller \(setting: "batch") or \(setting: "batches")"
        ))
    }
    try SeveralErrors.throwIfAny(errors)
  }

  // MARK: Memory

  private static func learner(
    _ base: Checkpoint, _ configuration: ModelConfiguration, _ merging: Merging,
    _ rows: CoefficientRows, _ recipe: CoefficientRecipe, _ tasks: [LearningTask],
    _ compute: Compute
  ) throws -> CoefficientLearner<Float> {
    let election = merging.election.map {
      VectorElection(thresholds: $0.thresholds, zeroIsNegative: $0.zeroIsNegative)
    }
    return try CoefficientLearner<Float>(
      base, configuration, merging.learnedTensors, election: election, rows, recipe, tasks,
      paths: merging.learnedModels, compute)
  }

  /// Returns the fastest plan that the memory allows: with merged weights in memory, then with blocks computed twice, then
  /// with weights that are formed by tiles.
  /// - Throws: ``UsageError`` if all need more memory than the limit.
  private static func memory(
    _ base: Checkpoint, _ configuration: ModelConfiguration, _ merging: Merging,
    _ rows: CoefficientRows, _ recipe: CoefficientRecipe, _ tasks: [LearningTask],
    _ context: OperationContext
  ) throws -> Memory {
    var plan = Memory()
    func count(_ holdsWeights: Bool, _ usesSegments: Bool) throws {
      let compute = Compute.counting(jobs: context.jobs)
      let learner = try learner(base, configuration, merging, rows, recipe, tasks, compute)
      learner.usesSegments = usesSegments
      if holdsWeights { learner.hold(plan.usedNames) }
      try learner.countStep()
      plan = Memory(
        byteCount: compute.arena.peakByteCount + tasks.reduce(0) { $0 + $1.data.byteCount }
          + CoefficientLearning.byteCount(steps: recipe.stepCount, tasks: tasks.count),
        holdsWeights: holdsWeights, usesSegments: usesSegments, usedNames: learner.usedNames)
    }
    // The first run finds the tensors that are used.
    try count(false, false)
    for (holdsWeights, usesSegments) in [(true, false), (true, true), (false, true)] {
      try count(holdsWeights, usesSegments)
      if (try? allotment(plan, context)) != nil { return plan }
    }
    _ = try allotment(plan, context)
    return plan
  }

  private static func demand(_ plan: Memory) -> MemoryBudget.Demand {
    MemoryBudget.Demand(fixedByteCount: plan.byteCount, workerByteCount: 0)
  }

  private static func allotment(
    _ plan: Memory, _ context: OperationContext
  ) throws -> MemoryBudget.Allotment {
    try context.allotment(of: demand(plan))
  }

  // MARK: Plan

  /// Adds the learning to the request of the merge.
  func plan(_ request: inout OutputRequest) {
    let before = request.survey
    request.split = .refused("coefficients are learned from the whole model")
    request.facts.append(planned)
    request.notes += unusedNotes
    var survey = OutputSurvey(.train, Self.demand(memory), byteCount: recipe.stepCount) {
      engine, options in
      let quiet = Engine(
        workers: engine.workers, cancellation: context.cancellation, progress: NoProgress())
      var surveyed = try before?.run(quiet, options) ?? SurveyedOutput()
      try learn(engine, quiet, &surveyed)
      return surveyed
    }
    survey.makesValues = true
    if let before {
      survey.demand.fixedByteCount = max(
        survey.demand.fixedByteCount, before.demand.fixedByteCount)
      survey.demand.workerByteCount = before.demand.workerByteCount
    }
    request.survey = survey
  }

  private var planned: Message {
    let way: Message =
      memory.holdsWeights
      ? memory.usesSegments ? "; blocks are computed twice to save memory" : ""
      : "; weights are formed by tiles and blocks are computed twice to save memory"
    return
      "coefficients: \(rows.entries.count.counted("row")) grouped by \(settings.grouping.rawValue), "
      + "\(recipe.stepCount.counted("step")) on \(recipe.batchCount) × \(recipe.batchSize) examples of \(tasks.count.counted("task")), which need \(ByteSize(memory.byteCount))"
      + way
  }

  /// The tensors that the objective does not depend on.
  private var unusedNames: [String] {
    merging.learnedTensors.map(\.name).filter { !memory.usedNames.contains($0) }
  }

  private var unusedNotes: [Message] {
    let names = unusedNames
    guard !names.isEmpty, settings.grouping == .tensor || settings.grouping == .qkv else {
      return []
    }
    let shown = names.prefix(4).map { "'\($0.printable)'" }.joined(separator: ", ")
    let more = names.count > 4 ? " and \((names.count - 4).grouped) more" : ""
    return [
      "the objective does not depend on \(names.count.counted("tensor")), whose coefficients stay at \(recipe.start): \(shown)\(more)"
    ]
  }

  // MARK: Work

  private func learn(
    _ engine: Engine, _ quiet: Engine, _ surveyed: inout SurveyedOutput
  ) throws {
    let library = try BLAS.load(
      settings.kernels, crew: Crew(jobs: context.jobs, cancellation: context.cancellation))
    let learner = try Self.learner(
      base, configuration, merging, rows, recipe, tasks, Compute(library))
    learner.usesSegments = memory.usesSegments
    if memory.holdsWeights { learner.hold(memory.usedNames) }
    var learning = CoefficientLearning()
    let divergence: FormatError?
    if let path = settings.trajectory {
      divergence = try runWriting(&learning, learner, to: path, engine.progress)
    } else {
      divergence = try run(&learning, learner, engine.progress) { _ in }
    }
    // After a divergence the coefficients of the last good step are kept.
    let table = try writeTable(learner)
    if let divergence { throw divergence }
    try settle(table, learning, quiet, &surveyed)
  }

  /// Runs all steps.
  /// - Parameter observe: Receives the results of each step.
  /// - Returns: The error if the objective or a derivative became NaN or infinite, which ends the run.
  private func run(
    _ learning: inout CoefficientLearning, _ learner: CoefficientLearner<Float>,
    _ progress: any Progress, observe: (CoefficientLearner<Float>.Step) throws -> Void
  ) throws -> FormatError? {
    do {
      try learning.run(learner, draws, check: context.cancellation.check) { step in
        try observe(step)
        progress.advance(byteCount: 1)
      }
      return nil
    } catch let error as FormatError where error.code == .coefficientsDiverged {
      return error
    }
  }

  /// Runs all steps, and writes each to the trajectory, which appears when the run ends without another error.
  private func runWriting(
    _ learning: inout CoefficientLearning, _ learner: CoefficientLearner<Float>, to path: String,
    _ progress: any Progress
  ) throws -> FormatError? {
    let trajectory = LearningTrajectory(rows: rows, models: modelNames)
    var divergence: FormatError?
    try ReportFile.write(to: path, replacesExisting: output.replacesExisting) { write in
      try write(trajectory.header(tasks, start: learner.rawCoefficients))
      divergence = try run(&learning, learner, progress) { try write(trajectory.line(of: $0)) }
    }
    return divergence
  }

  private var modelNames: [String] {
    merging.learnedModels.map { FileSystem.ownName(of: $0) }
  }

  private func writeTable(_ learner: CoefficientLearner<Float>) throws -> MergeCoefficients {
    let table = rows.table(learner.rawCoefficients, models: modelNames, path: settings.table)
    let text = JSONValue.object(table.document(rowsInOrder: rows.entries.map(\.name)))
      .serialized(indented: true)
    try ReportFile.write(
      text + "\n", to: settings.table, replacesExisting: output.replacesExisting)
    return table
  }

  /// Makes the output that of the same merge with the table.
  private func settle(
    _ table: MergeCoefficients, _ learning: CoefficientLearning, _ engine: Engine,
    _ surveyed: inout SurveyedOutput
  ) throws {
    var options = merging.options
    options.coefficients = table
    let final = try Merging(merging.recipe, models: models, options: options)
    try SeveralErrors.throwIfAny(final.errors)
    try final.survey(engine: engine)
    surveyed.output = try final.withCard(final.output())
    surveyed.options = final.lineageOptions
    let objective = recipe.objective.rawValue
    surveyed.notices.append(
      .warning(
        "a lower \(objective) is not a higher accuracy: compare the output with a plain merge on examples that have labels"
      ))
    let coefficients = rows.entries.map { ($0.name, table.rows[$0.name] ?? []) }
    surveyed.report = { written, _ in
      LearningReport(
        recipe, tasks: tasks.map(\.name), models: modelNames, learning, rows: coefficients,
        grouping: settings.grouping.rawValue, unused: unusedNames, output: (output.path, written))
    }
  }
}
