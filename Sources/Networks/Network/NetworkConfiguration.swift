package import Base
package import Rotary

/// The settings of a network as its family reads them, all checked.
package struct NetworkConfiguration: Sendable {
  /// A layer's reach and rotation.
  package struct Layer: Sendable, Equatable {
    /// The number of keys that a query sees; nil for all.
    package var window: Int?
    /// The index of the rotary settings.
    package var rotation = 0
  }

  package let modelType: String
  package let vocabularySize: Int
  package let hiddenSize: Int
  package let headCount: Int
  package let keyValueHeadCount: Int
  package let headDim: Int
  /// The width of the feed-forward part; of one expert in a mixture.
  package let intermediateSize: Int
  package let epsilon: Double
  package let activation: ActivationKind
  /// True if the output layer is the embedding table.
  package let tiesEmbeddings: Bool
  package let attentionScale: Double
  package let attentionSoftcap: Double?
  package let finalSoftcap: Double?
  package let attentionBias: Bool
  package let feedForwardBias: Bool
  /// The number of experts and how many of them each token uses; 0 without experts.
  package let expertCount: Int
  package let expertsPerToken: Int
  /// The largest number of positions with a learned embedding.
  package let positionLimit: Int?
  /// The number of kinds of tokens of an encoder.
  package let tokenTypeCount: Int
  package let layers: [Layer]
  /// The settings of an image encoder; nil for text models.
  package let image: ImageSettings?
  /// The rotary settings that layers refer to; empty if positions are learned.
  package internal(set) var rotations: [RopeSettings]
  /// The sizes of a plain classifier; nil for other networks.
  package internal(set) var classifier: ClassifierSettings?
}

/// Facts about an architecture that its configuration does not contain: defaults of its code, and parts without a key.
package struct ArchitectureFacts: Sendable {
  package var tiesEmbeddings = false
  package var activation: String?
  package var epsilon: Double?
  /// True if queries and keys are rotated.
  package var rotates = true
  /// True if `sliding_window` holds for all layers, when the configuration lists no kinds.
  package var windowsAllLayers = false
  /// The default distance of layers with the whole context; the others have the window.
  package var windowPattern: Int?
  /// True if the feed-forward part is absent.
  package var isAttentionOnly = false
  /// True if the input is images.
  package var readsImages = false
  /// The kind of a plain classifier; nil for other networks.
  package var classifier: Classifier?
  /// The factor of the default width of the feed-forward part to the hidden size; nil if the width must be set.
  package var intermediateFactor: Int?

  /// A kind of plain classifiers, which have sizes of their own.
  package enum Classifier: Sendable {
    case perceptron, convolutional, residual
    /// An encoder of features with two hidden layers.
    case encoder
  }
}

/// The images that an encoder reads, and what it returns.
package struct ImageSettings: Sendable, Equatable {
  /// The height and width of an image.
  package let size: Int
  /// The height and width of a patch.
  package let patchSize: Int
  package let channelCount: Int
  /// The number of features of an image.
  package let featureCount: Int

  /// The number of patches, and one for the class token.
  package var tokenCount: Int { (size / patchSize) * (size / patchSize) + 1 }
}

extension FormatError.Code {
  package static let networkConfiguration = FormatError.Code(
    "network.configuration",
    meaning: "The configuration of a model misses a setting or has one that is not supported.",
    remedy: "Correct config.json, or use a model of a supported family.")
}
