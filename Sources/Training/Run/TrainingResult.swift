import Base

/// The results of a training.
package struct TrainingResult: Sendable {
  package var epochs: [EpochResult]
  package var stepCount: Int
  package var best: TrainingState.Best?
}

/// The scores of an epoch.
package struct EpochResult: Sendable, Equatable {
  /// The number of the epoch, from 1 on.
  package var epoch: Int
  /// The number of steps at its end.
  package var step: Int
  /// The score of the training steps, each before its change.
  package var training: Score
  /// The score on the test data at the end; nil without test data.
  package var test: Score?
  package var hasClasses = false

  package init(epoch: Int, step: Int, training: Score) {
    self.epoch = epoch
    self.step = step
    self.training = training
  }
}

extension EpochResult {
  /// The line of the log.
  var line: JSONObject {
    var line: JSONObject = [
      "step": JSONValue(step), "end_of_epoch": JSONValue(epoch), "classes": .bool(hasClasses),
      "training": training.json,
    ]
    if let test { line["test"] = test.json }
    return line
  }

  /// Reads a line of the log; nil if it is a line of another kind.
  init?(_ line: JSONValue) {
    guard let epoch = line["end_of_epoch"]?.asInt, let step = line["step"]?.asInt,
      let training = line["training"].flatMap(Score.init)
    else { return nil }
    self.init(epoch: epoch, step: step, training: training)
    test = line["test"].flatMap(Score.init)
    hasClasses = line["classes"]?.asBool ?? false
  }
}

extension Score {
  fileprivate var json: JSONValue {
    [
      "loss_sum": JSONValue(lossSum), "correct": JSONValue(correctCount), "count": JSONValue(count),
    ]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let sum = json["loss_sum"]?.asDouble, let correct = json["correct"]?.asInt,
      let count = json["count"]?.asInt
    else { return nil }
    self.init(lossSum: sum, correctCount: correct, count: count)
  }
}

extension TrainingResult {
  /// The epoch whose model is kept.
  package func kept(_ kept: TrainingRecipe.Kept) -> EpochResult? {
    switch kept {
    case .last: epochs.last
    case .best: epochs.first { $0.epoch == best?.epoch }
    }
  }
}
