import Base
import Checkpoints
import Packing
import Pruning
import Surveys
import TensorCore

/// Writes a survey of a shard for the common threshold of several shards; prunes nothing.
package struct PruneSurveyOperation: Operation {
  package static let verb = "prune survey"

  package var input: String
  /// The path where the survey is written.
  package var surveyOutput: String
  /// True if an existing file is replaced.
  package var replacesExisting = false
  package var settings = PruneSettings()
  package var selection = SelectionSettings()
  package var rewind: String?
  /// The paths of the surveys of all shards from the previous round.
  package var surveys: [String] = []

  package init(input: String, surveyOutput: String) {
    self.input = input
    self.surveyOutput = surveyOutput
  }

  package func run(_ context: OperationContext) throws -> OperationResult {
    let job = try PruneInputs(input: input, settings, selection, rewind: rewind, context)
    let (pruning, checkpoint) = (job.pruning, job.checkpoint)
    var errors = job.errors
    do { try checkOutput() } catch { errors.append(try asUserError(error)) }
    errors += ShardSurvey.errors(pruning, settings)
    try SeveralErrors.throwIfAny(errors + checkpoint.tensors.compactMap(\.fault))
    let (round, survey) = try context.withEngine(
      .survey, job.demand, tensors: checkpoint.tensors.count,
      byteCount: pruning.surveyByteCount(checkpoint)
    ) { try ShardSurvey(surveys, pruning, checkpoint).next(engine: $0) }
    try ReportFile.write(
      survey.json.serialized() + "\n", to: surveyOutput, replacesExisting: replacesExisting)
    context.observer.report(
      .note(
        "\(surveyOutput.printable): \(round), " + survey.tensors.count.counted("tensor")))
    var result = OperationResult()
    var written = OutputReport(verb: Self.verb, path: surveyOutput)
    written.tensorCount = survey.tensors.count
    written.byteCount = try FileSystem.byteCount(ofTree: surveyOutput)
    written.inputPaths = [input]
    written.inputByteCount = checkpoint.fileByteCount
    result.written = written
    return result
  }

  private func checkOutput() throws {
    try ReportFile.check(surveyOutput, replacesExisting: replacesExisting, inputs: [input])
    guard let output = try FileIdentity.ifPresent(surveyOutput) else { return }
    guard try !surveys.contains(where: { try FileIdentity.ifPresent($0) == output }) else {
      throw UsageError(
        "\(surveyOutput.printable) is the input itself",
        hint: "choose another name with \(setting: "survey-out")")
    }
  }
}

/// The state of the surveys of a model's shards, which determine a common threshold.
struct ShardSurvey {
  private let pruning: Pruning
  private let checkpoint: Checkpoint
  private let amount: Amount
  private let iterations: Int
  private let state: GroupState

  init(_ paths: [String], _ pruning: Pruning, _ checkpoint: Checkpoint) throws {
    guard case .amount(let amount, _, let iterations) = pruning.selecting else {
      throw UsageError("surveys do not apply to patterns")
    }
    self.pruning = pruning
    self.checkpoint = checkpoint
    self.amount = amount
    self.iterations = iterations
    guard !paths.isEmpty else {
      state = GroupState()
      return
    }
    let files = try paths.map { (path: $0, file: try SurveyFile(path: $0)) }
    guard files[0].file.options == pruning.options else {
      throw UsageError(
        "\(files[0].path.printable): was made with different options",
        hint: "use the same options for all surveys and for pruning")
    }
    let seen = Set(files.flatMap(\.file.tensors).map { UTF8Key($0.name) })
    for index in pruning.tensorIndices(in: checkpoint) {
      let name = checkpoint.tensors[index].name
      guard seen.contains(UTF8Key(name)) else {
        throw UsageError(
          "tensor '\(name.printable)' is in none of the surveys",
          hint: "pass the survey of this shard too")
      }
    }
    state = try SurveyFile.state(after: files, amount: amount, iterations: iterations)
  }

  /// Returns the errors if the request does not support surveys.
  static func errors(_ pruning: Pruning, _ settings: PruneSettings) -> [any UserError] {
    guard case .amount(let amount, .global, _) = pruning.selecting else {
      return [
        UsageError(
          "surveys apply only to \(setting: "scope") global; other scopes do not need other shards")
      ]
    }
    guard case .exactly = amount else { return [] }
    return [
      UsageError(
        "surveys do not apply to \(setting: "by") \(settings.method.rawValue); use pqi or magnitude"
      )
    ]
  }

  private var round: String { "round \(state.round) of \(2 * iterations)" }

  /// Returns the weights of this shard that are kept under the common threshold.
  func outcome(engine: Engine) throws -> PruningOutcome {
    guard state.isDone(after: iterations) else {
      throw UsageError(
        "the surveys do not determine the threshold yet: \(round) is next",
        hint:
          "run it on every shard, with the same \(setting: "survey-in") and with \(setting: "survey-out")"
      )
    }
    return try pruning.outcome(
      for: checkpoint, state, amount: amount, iterations: iterations, engine: engine)
  }

  /// Returns the survey of this shard for the next round.
  func next(engine: Engine) throws -> (round: String, survey: SurveyFile) {
    guard !state.isDone(after: iterations) else {
      throw UsageError(
        "the surveys are complete", hint: "omit \(setting: "survey-out") and prune with -o")
    }
    return (
      round,
      try SurveyFile(
        pruning, checkpoint, state: state, amount: amount, iterations: iterations,
        engine: engine)
    )
  }
}
