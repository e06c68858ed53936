import Base
import Checkpoints
import Merging

/// Merging by tasks.
extension MergeOperation {
  /// - Parameter isAlone: True if the recipe has one merge, of models without adapters.
  static func split(_ merging: Merging, isAlone: Bool) -> TaskSplit {
    guard isAlone else {
      return .refused("models of the recipe are made by other merges, or from adapters, first")
    }
    guard let rounds = merging.surveyRounds else {
      return .surveyed(
        SplitSurvey { names, _, engine in
          try merging.survey(only: names, engine: engine)
          return try merging.withCard(merging.output())
        })
    }
    var survey = SplitSurvey { names, state, engine in
      try merging.settle(only: names, state: state ?? .null, engine: engine)
      return try merging.withCard(merging.output())
    }
    survey.rounds = SplitSurvey.Rounds(
      count: rounds.count,
      items: rounds.tensors.map { SplitSurvey.Item(name: $0.name, byteCount: $0.byteCount) }
    ) { names, state, engine in
      try merging.surveyRound(only: names, state: state, engine: engine)
    } combine: { results, state in
      try merging.combined(results.map { result in { try result.value() } }, state: state)
    }
    return .surveyed(survey)
  }
}
