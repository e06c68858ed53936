import Base
import Checkpoints
import Pruning
import Surveys
import TensorCore

/// Pruning by tasks.
extension PruneOperation {
  func split(_ job: PruneInputs) -> TaskSplit {
    guard surveys.isEmpty else {
      return .refused("\(setting: "survey-in") is for shards that are pruned one by one")
    }
    guard case .amount(let amount, .global, let iterations) = job.pruning.selecting else {
      return .surveyed(
        SplitSurvey { names, _, engine in
          pruned(job, try job.pruning.outcome(for: job.checkpoint, only: names, engine: engine))
        })
    }
    if case .exactly = amount {
      return .refused(
        "\(setting: "by") \(settings.method.rawValue) ranks all weights together; choose another \(setting: "scope"), "
          + "or pqi or magnitude")
    }
    var survey = SplitSurvey { _, state, _ in
      pruned(job, job.pruning.outcome(for: job.checkpoint, try Self.state(state, job.pruning)))
    }
    survey.rounds = rounds(job, amount, iterations)
    return .surveyed(survey)
  }

  private func pruned(_ job: PruneInputs, _ outcome: PruningOutcome) -> Checkpoint {
    Self.stored(
      job.pruning.applied(to: job.checkpoint, outcome, rewindingTo: job.initial),
      outcome.tensorIndices, job.checkpoint)
  }

  /// Two rounds for each iteration: sums and a histogram, then the lower bits of scores.
  private func rounds(
    _ job: PruneInputs, _ amount: Amount, _ iterations: Int
  ) -> SplitSurvey.Rounds {
    let (pruning, checkpoint) = (job.pruning, job.checkpoint)
    let tensors = pruning.tensorIndices(in: checkpoint).map { index in
      let info = checkpoint.tensors[index].info
      return SplitSurvey.Item(name: info.name, byteCount: info.byteCount)
    }
    return SplitSurvey.Rounds(count: 2 * iterations, items: tensors) { names, state, engine in
      let state = try Self.state(state, pruning)
      guard !state.isDone(after: iterations) else {
        return SurveyFile(options: pruning.options, state: state, tensors: [], counts: [:]).json
      }
      var part = checkpoint
      part.tensors.removeAll { !names.contains(UTF8Key($0.name)) }
      return try SurveyFile(
        pruning, part, state: state, amount: amount, iterations: iterations, engine: engine
      ).json
    } combine: { results, before in
      var state = try Self.state(before, pruning)
      if !state.isDone(after: iterations) {
        let files = try results.map { result in
          (path: result.path, file: try Self.survey(result.value(), result.path))
        }
        state = try SurveyFile.state(after: files, amount: amount, iterations: iterations)
      }
      return SurveyFile(options: pruning.options, state: state, tensors: [], counts: [:]).json
    }
  }

  private static func state(_ json: JSONValue?, _ pruning: Pruning) throws -> GroupState {
    guard let json else { return GroupState() }
    let file = try survey(json, "the state of the survey")
    guard file.options == pruning.options else {
      throw UsageError("the state of the survey was made with different options")
    }
    return file.state
  }

  private static func survey(_ json: JSONValue, _ path: String) throws -> SurveyFile {
    guard let file = SurveyFile(json: json) else {
      throw FormatError(
        .badSurvey, "does not have the result of a survey", path: path,
        hint: "remove the file and run its task again")
    }
    return file
  }
}
