package import Examples
package import Networks

/// The settings of a training: optimizer, learning rate, batches and length.
package struct TrainingRecipe: Sendable {
  /// The length of a training.
  package enum Length: Sendable, Equatable {
    case epochs(Int)
    case steps(Int)
  }

  /// The parameters that the weight decay applies to.
  package enum Decayed: String, CaseIterable, Sendable {
    case all
    /// Those with two or more dimensions: no biases and no normalizations.
    case matrices
  }

  /// The model that a run returns.
  package enum Kept: String, CaseIterable, Sendable {
    case last
    /// That after the epoch with the best result on the test data, the first one of equals.
    case best
  }

  package var length: Length
  /// The number of examples of a step; the last step of an epoch may have fewer.
  package var batch = 32
  package var optimizer: any Optimizer = SGD()
  package var rate = LearningRate(peak: 0.1)
  package var weightDecay = 0.0
  package var decayed = Decayed.all
  /// The largest norm of all gradients together; nil for no limit.
  package var clip: Double?
  package var seed: UInt64 = 0
  /// The number of steps between two saved states; states are saved at the end of each epoch too.
  package var saveInterval: Int?
  package var kept = Kept.last
  package var input = InputScaling()
  /// The number of tokens that a window of text predicts.
  package var window = 128
  /// The keys of data, `input` and `window`, that the file of the recipe states.
  package var statedDataKeys: Set<String> = []

  package init(_ length: Length) { self.length = length }

  /// Returns the number of steps for data with a number of steps in each epoch.
  package func stepCount(perEpoch: Int) -> Int {
    switch length {
    case .epochs(let count): count * perEpoch
    case .steps(let count): count
    }
  }

  /// Returns the learning rate of a step.
  package func rate(ofStep step: Int, perEpoch: Int) -> Double {
    let count = stepCount(perEpoch: perEpoch)
    switch rate.unit {
    case .step: return rate.value(at: step, of: count)
    case .epoch:
      return rate.value(at: step / perEpoch, of: (count + perEpoch - 1) / perEpoch)
    }
  }
}
