import Base
import Checkpoints
import Codecs
import Conversion

/// Choosing types by tasks: each measures the candidates on some of the tensors, and one task chooses for all.
extension ConvertOperation {
  func split(
    _ choice: TypeChoice, _ storage: StorageChoice, _ checkpoint: Checkpoint, base: Checkpoint?
  ) -> TaskSplit {
    guard case .bitsPerWeight = choice.target else {
      return .refused(
        "\(setting: "target-size") compares sizes of the whole file; choose types with \(setting: "target-bpw")"
      )
    }
    let compression = output.compression ?? .fast
    var survey = SplitSurvey { _, state, _ in
      var chosen = storage
      if let state {
        guard let types = choice.types(state) else {
          throw FormatError(
            .plan, "does not have the types of the weights", path: "the state of the survey",
            hint: "run the task that combines the results again")
        }
        chosen.chosen = types
      }
      let stored = chosen.applied(to: checkpoint).checkpoint
      return base.map { Appending.result(adding: stored, to: $0).checkpoint } ?? stored
    }
    survey.rounds = SplitSurvey.Rounds(
      count: 1,
      items: TypeChoice.measuredTensors(checkpoint).map {
        SplitSurvey.Item(name: $0.name, byteCount: $0.byteCount)
      }
    ) { names, _, engine in
      choice.json(
        try choice.measured(
          checkpoint, storage: storage, compression: compression, only: names, engine: engine))
    } combine: { results, _ in
      let parts = try results.map { try $0.value() }
      guard
        let measured = choice.combined(parts, parameterCount: checkpoint.parameterCount)
      else {
        throw FormatError(
          .plan, "does not have the sizes and errors of its tensors",
          path: results.first?.path ?? "", hint: "remove the file and run the task again")
      }
      return choice.json(types: try choice.result(of: measured, overhead: 0).types)
    }
    return .surveyed(survey)
  }
}
