import Base
import Models

/// The sizes of a plain classifier: a multilayer perceptron, a small convolutional network or a residual network.
package struct ClassifierSettings: Sendable, Equatable {
  /// The shape of an example, without the number of examples: `[features]` or `[channels, height, width]`.
  package var inputShape: [Int]
  /// The widths of the hidden layers, or the channels of each stage.
  package var widths: [Int]
  /// The number of blocks of each stage of a residual network; empty for others.
  package var depths: [Int]
  package var classCount: Int

  /// The ε and the share of the newest batch in the running statistics of batch normalization.
  package static let epsilon = 1e-5
  package static let momentum = 0.1

  /// The place of a block of a residual network: its stage and its index in it.
  func place(ofBlock index: Int) -> (stage: Int, index: Int) {
    var (stage, rest) = (0, index)
    while rest >= depths[stage] {
      rest -= depths[stage]
      stage += 1
    }
    return (stage, rest)
  }
}

extension NetworkConfigurationReader {
  /// Returns the configuration of a classifier, whose `config.json` has its own keys: `input_shape`, `hidden_sizes`,
  /// `depths` and `num_labels`.
  mutating func classifierConfiguration(named modelType: String) -> NetworkConfiguration {
    let isResidual = facts.classifier == .residual
    let isFlat = facts.classifier == .perceptron || facts.classifier == .encoder
    let widthCounts =
      switch facts.classifier {
      case .perceptron: 0...64
      case .encoder: 2...2
      case .convolutional, .residual, nil: 1...16
      }
    let settings = ClassifierSettings(
      inputShape: sizes("input_shape", counts: isFlat ? 1...4 : 3...3),
      widths: sizes("hidden_sizes", counts: widthCounts),
      depths: isResidual ? sizes("depths", counts: 1...16) : [],
      classCount: sizes("num_labels", counts: 1...1).first ?? 1)
    if isResidual, settings.depths.count != settings.widths.count {
      report("depths has \(settings.depths.count) entries, expected one for each of hidden_sizes")
    }
    // Sizes are at most 2^16, so that a product up to the limit times another size does not overflow.
    let inputCount = settings.inputShape.reduce(1) { min($0, 1 << 29) * $1 }
    if inputCount > 1 << 28 {
      report("input_shape has more than 2^28 values")
    }
    let blockCount = isResidual ? settings.depths.reduce(0, +) : settings.widths.count
    var configuration = NetworkConfiguration(
      modelType: modelType, vocabularySize: 0, hiddenSize: settings.widths.last ?? 1, headCount: 1,
      keyValueHeadCount: 1, headDim: 1, intermediateSize: 0, epsilon: ClassifierSettings.epsilon,
      activation: activation(), tiesEmbeddings: false, attentionScale: 1, attentionSoftcap: nil,
      finalSoftcap: nil, attentionBias: false, feedForwardBias: false, expertCount: 0,
      expertsPerToken: 0, positionLimit: nil, tokenTypeCount: 0,
      layers: Array(repeating: NetworkConfiguration.Layer(), count: blockCount), image: nil,
      rotations: [])
    configuration.classifier = settings
    return configuration
  }

  /// Returns a list of sizes from 1 to 2^16; an empty list and a fault if it is missing or wrong. A single size may stand
  /// for a list of one.
  private mutating func sizes(_ key: String, counts: ClosedRange<Int>) -> [Int] {
    let value = model.object[key]
    let list = value?.asArray ?? (counts.contains(1) ? value.map { [$0] } ?? [] : [])
    let sizes = list.compactMap { item in
      item.asInt.flatMap { (1...1 << 16).contains($0) ? $0 : nil }
    }
    guard value != nil, sizes.count == list.count, counts.contains(sizes.count) else {
      let count =
        counts.count == 1 ? "\(counts.lowerBound)" : "\(counts.lowerBound) to \(counts.upperBound)"
      report("\(key) is missing or wrong, expected \(count) sizes from 1 to 65536")
      return []
    }
    return sizes
  }
}
