import Base
import Checkpoints
import Evaluation
import Pruning
import Surveys
import TensorCore

/// Calibration by tasks: each runs some of the windows through the whole model.
extension CalibrateOperation {
  /// - Parameter measured: Returns the output with measured tensors.
  func split(
    _ inputs: EvaluationInputs, _ layers: [LinearLayer],
    measured: @escaping @Sendable (Calibration) throws -> Checkpoint
  ) -> TaskSplit {
    guard products.isEmpty else {
      return .refused("\(setting: "products") are rounded in the order of the windows")
    }
    guard sequential == nil else {
      return .refused("\(setting: "sequential") changes a block by what all windows measured")
    }
    guard settings.resumeFolder == nil else {
      return .refused("\(setting: "resume") keeps the state of one process")
    }
    var survey = SplitSurvey { _, state, _ in
      try measured(
        Calibration(layers, try Self.part(state ?? .null, "the state of the survey", layers)))
    }
    let groups = Evaluator.groups(of: inputs.windows)
    let width = inputs.model.hiddenSize * inputs.model.layerCount
    // The size of a group is that of its hidden states, which run through each block.
    let items = groups.map { group in
      SplitSurvey.Item(
        name: Self.name(of: group), byteCount: 4 * group.count * inputs.windows.length * width)
    }
    // SAFETY: a process runs one task, and nothing else uses the model.
    nonisolated(unsafe) let run = inputs
    survey.rounds = SplitSurvey.Rounds(count: 1, kind: "group of windows", items: items) {
      names, _, _ in
      let own = groups.filter { names.contains(UTF8Key(Self.name(of: $0))) }
      guard let first = own.first, let last = own.last else { return CalibrationPart().json }
      let part = unsafe run.part(first.lowerBound..<last.upperBound)
      return try part.run(passes: part.model.layerCount + 1) {
        try $0.calibrationPart(of: part.model).json
      }
    } combine: { results, _ in
      var sum = CalibrationPart()
      for result in results { sum.add(try Self.part(result.value(), result.path, layers)) }
      return sum.json
    }
    let channelCount = layers.reduce(0) { $0 + ($1.sharesInput ? 0 : $1.channelCount) }
    survey.rounds?.resultByteCount = channelCount * CalibrationPart.channelByteCount
    survey.rounds?.combinedByteCount = channelCount * CalibrationPart.combinedChannelByteCount
    return .surveyed(survey)
  }

  private static func name(of group: Range<Int>) -> String {
    group.count == 1
      ? "window \(group.lowerBound + 1)" : "windows \(group.lowerBound + 1) to \(group.upperBound)"
  }

  private static func part(
    _ json: JSONValue, _ path: String, _ layers: [LinearLayer]
  ) throws -> CalibrationPart {
    guard let part = CalibrationPart(json, layers: layers) else {
      throw FormatError(
        .badSurvey, "does not have the sums of a calibration", path: path,
        hint: "remove the file and run its task again")
    }
    return part
  }
}
