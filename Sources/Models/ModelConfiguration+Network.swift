import Base

/// Settings that define the forward pass.
extension ModelConfiguration {
  /// The name of the activation function between the layers of the feed-forward part.
  package var activationName: String? {
    get throws(Fault) {
      try text(["hidden_activation", "hidden_act", "activation_function", "activation"])
    }
  }

  /// The number that normalizations add to the mean square or variance.
  package var normEpsilon: Double? {
    get throws(Fault) {
      try number(["rms_norm_eps", "layer_norm_epsilon", "layer_norm_eps", "norm_eps"])
    }
  }

  /// The number of keys that a query of a windowed layer sees.
  package var slidingWindow: Int? { get throws(Fault) { try size(["sliding_window"]) } }

  /// False if the model has a window that it does not use; nil if that is not set.
  package var usesSlidingWindow: Bool? {
    get throws(Fault) { try flag(["use_sliding_window"]) }
  }

  /// The number of the first layers of a Qwen model without a window.
  package var fullLayerCount: Int? { get throws(Fault) { try wholeNumber(["max_window_layers"]) } }

  /// The number of layers from one with the whole context to the next.
  package var slidingWindowPattern: Int? {
    get throws(Fault) { try size(["sliding_window_pattern", "_sliding_window_pattern"]) }
  }

  /// The kind of each layer, such as `sliding_attention`; nil if the configuration does not list them.
  package var layerTypes: [String]? {
    get throws(Fault) {
      guard let value = object["layer_types"], value != .null else { return nil }
      let names = value.asArray?.compactMap(\.asString)
      guard let names, names.count == value.asArray?.count else {
        throw Fault(key: "layer_types", expected: .list)
      }
      return names
    }
  }

  /// The bound of attention scores.
  package var attentionSoftcap: Double? {
    get throws(Fault) { try number(["attn_logit_softcapping"]) }
  }

  /// The bound of the logits of the output layer.
  package var finalSoftcap: Double? {
    get throws(Fault) { try number(["final_logit_softcapping"]) }
  }

  /// The number whose square root divides attention scores, if it is not the width of a head.
  package var queryScalar: Double? {
    get throws(Fault) { try number(["query_pre_attn_scalar"]) }
  }

  /// True if the layers of the attention have biases.
  package var attentionBias: Bool? { get throws(Fault) { try flag(["attention_bias"]) } }

  /// True if the layers of the feed-forward part have biases.
  package var feedForwardBias: Bool? { get throws(Fault) { try flag(["mlp_bias"]) } }

  /// The height and width of the images that an encoder reads.
  package var imageSize: Int? { get throws(Fault) { try size(["image_size"]) } }
  /// The height and width of a patch of an image.
  package var patchSize: Int? { get throws(Fault) { try size(["patch_size"]) } }
  /// The number of channels of an image.
  package var channelCount: Int? { get throws(Fault) { try size(["num_channels"]) } }
  /// The number of features that an encoder of images and text returns.
  package var projectionSize: Int? { get throws(Fault) { try size(["projection_dim"]) } }

  /// The number of kinds of tokens that an encoder distinguishes.
  package var tokenTypeCount: Int? { get throws(Fault) { try wholeNumber(["type_vocab_size"]) } }
}
