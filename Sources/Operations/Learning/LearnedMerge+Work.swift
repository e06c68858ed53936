import AdaMerging
import BLAS
import Base
import Checkpoints
import Coefficients
import Merging
import Networks

/// The steps of the learning, and its outputs.
extension LearnedMerge {
  func learn(
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
    if let journal {
      divergence = try runResumably(&learning, learner, journal, engine.progress)
    } else if let path = settings.trajectory {
      divergence = try runWriting(&learning, learner, to: path, engine.progress)
    } else {
      divergence = try run(&learning, learner, engine.progress) { _ in }
    }
    // After a divergence the coefficients of the last good step are kept.
    let table = try writeTable(learner)
    if let divergence { throw divergence }
    try settle(table, learning, quiet, &surveyed)
  }

  /// Runs all steps that are left.
  /// - Parameters:
  ///   - save: Called before the first step and after each with the results so far.
  ///   - observe: Receives the results of each step.
  /// - Returns: The error if the objective or a derivative became NaN or infinite, which ends the run.
  private func run(
    _ learning: inout CoefficientLearning, _ learner: CoefficientLearner<Float>,
    _ progress: any Progress, save: (CoefficientLearning) throws -> Void = { _ in },
    observe: (CoefficientLearner<Float>.Step) throws -> Void
  ) throws -> FormatError? {
    do {
      try learning.run(learner, draws, check: context.cancellation.check, save: save) { step in
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
    try ReportFile.write(to: path, replacesExisting: replacesReports) { write in
      try write(trajectory.header(tasks, start: learner.rawCoefficients))
      divergence = try run(&learning, learner, progress) { try write(trajectory.line(of: $0)) }
    }
    return divergence
  }

  // MARK: Journal

  /// Runs the steps that an earlier run of the same command has not done, and keeps the state as they are done.
  private func runResumably(
    _ learning: inout CoefficientLearning, _ learner: CoefficientLearner<Float>,
    _ place: LearningJournal.Place, _ progress: any Progress
  ) throws -> FormatError? {
    let journal = try LearningJournal(place)
    let trajectory = LearningTrajectory(rows: rows, models: modelNames)
    let header = trajectory.header(tasks, start: learner.rawCoefficients)
    func note(_ text: Message) { context.observer.report(.note(text)) }
    if let state = try journal.state(note: note), learner.restore(state.numbers) {
      learning.goOn(
        after: state.means, accuracies: state.accuracies, patience: recipe.patience)
      progress.advance(byteCount: state.means.count)
    }
    let divergence: FormatError?
    do {
      divergence = try run(&learning, learner, progress) { learning in
        if journal.isDue { try journal.store(state(learning, learner)) }
      } observe: { step in
        if settings.trajectory != nil { journal.append(trajectory.line(of: step)) }
      }
    } catch {
      if learning.accuraciesBefore != nil { try journal.store(state(learning, learner)) }
      throw error
    }
    var last = state(learning, learner)
    last.isComplete = true
    try journal.store(last)
    if let path = settings.trajectory {
      try ReportFile.write(to: path, replacesExisting: replacesReports) { write in
        try write(header)
        try journal.forEachPiece(write)
      }
    }
    return divergence
  }

  private func state(
    _ learning: CoefficientLearning, _ learner: CoefficientLearner<Float>
  ) -> LearningJournal.State {
    var state = LearningJournal.State()
    state.means = learning.means
    state.numbers = learner.numbers
    state.accuracies = learning.accuraciesBefore ?? []
    return state
  }

  /// The removal of the state after the output was written; nil if there is none.
  var removal: (@Sendable () throws -> Void)? {
    guard let place = journal else { return nil }
    return { try LearningJournal(place).remove() }
  }

  // MARK: Outputs

  /// The names of the models in the table; their paths if several have the same name.
  private var modelNames: [String] {
    let names = merging.learnedModels.map { FileSystem.ownName(of: $0) }
    return Set(names).count == names.count ? names : merging.learnedModels
  }

  private func writeTable(_ learner: CoefficientLearner<Float>) throws -> MergeCoefficients {
    let table = rows.table(
      learner.rawCoefficients, models: modelNames, ties: merging.recipe.ties, path: settings.table)
    let text = JSONValue.object(table.document(rowsInOrder: rows.entries.map(\.name)))
      .serialized(indented: true)
    try ReportFile.write(
      text + "\n", to: settings.table, replacesExisting: replacesReports)
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
