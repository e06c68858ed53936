import AdaMerging
import BLAS
import Base
import Checkpoints
import Coefficients
import Examples
import FoundationEssentials
import Merging
import Models
import Networks
import TensorCore
import Training

/// A merge whose coefficients are learned before its output is written.
struct LearnedMerge {
  let settings: LearningSettings
  let merging: Merging
  let models: [String: Checkpoint]
  let base: Checkpoint
  let configuration: ModelConfiguration
  let recipe: CoefficientRecipe
  let tasks: [LearningTask]
  let rows: CoefficientRows
  let draws: BatchDraws
  let output: OutputSettings
  let context: OperationContext
  let memory: Memory
  /// The place of the state from which the same command goes on; nil for none.
  let journal: LearningJournal.Place?
  /// True if the table and the trajectory replace existing files.
  let replacesReports: Bool

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
    journal = try Self.journal(settings, merging, seed: seed)
    let isComplete = try journal.map { try LearningJournal($0).isComplete } ?? false
    // A run that was killed while it wrote its outputs may have left some.
    replacesReports = output.replacesExisting || isComplete
    try LearningOutputs.check(
      settings, models: merging.inputs.map(\.path), output, replacesReports: replacesReports)
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
      base, configuration, merging, rows, recipe, tasks, journals: journal != nil, context)
  }

  /// Returns the place of the state of a run, whose name depends on everything that shapes the result.
  private static func journal(
    _ settings: LearningSettings, _ merging: Merging, seed: UInt64
  ) throws -> LearningJournal.Place? {
    guard let folder = settings.resumeFolder else { return nil }
    var own = settings
    (own.resumeFolder, own.table) = (nil, "")
    own.trajectory = settings.trajectory.map { _ in "" }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var lines = [
      "sumac \(Version.current)", String(decoding: try encoder.encode(own), as: UTF8.self),
      "seed \(seed)", "data \(try FileStamp(of: LearningOutputs.inputPaths(settings)).text)",
    ]
    lines += merging.lineageOptions.map { "\($0.name) \($0.value)" }
    for model in merging.inputs {
      let paths = model.files.compactMap { $0.file?.path }
      lines.append("model \(model.identity.id) \(try FileStamp(of: paths).text)")
    }
    return LearningJournal.Place(folder: folder, key: lines.joined(separator: "\n"))
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

  static func learner(
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
    journals: Bool, _ context: OperationContext
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
          + CoefficientLearning.byteCount(steps: recipe.stepCount, tasks: tasks.count)
          + (journals
            ? LearningJournal.byteCount(
              rows: rows.count, models: learner.modelCount, steps: recipe.stepCount,
              tasks: tasks.count) : 0),
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
      surveyed.finish = removal
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
  var unusedNames: [String] {
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
}
