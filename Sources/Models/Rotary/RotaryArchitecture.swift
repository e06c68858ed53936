/// The facts about rotary embeddings that the code of an architecture defines and `config.json` may leave out.
package struct RotaryArchitecture: Sendable, Equatable {
  /// The rotary settings of layers that see only a window of the context.
  package enum Windows: Sendable, Equatable {
    /// The layers have this base unless the configuration sets one, and are never scaled.
    case base(Double)
    /// The layers have this base unless the configuration sets one, and `rope_scaling` applies to them too.
    case scaledBase(Double)
    /// The layers have the base of the other layers, and are never scaled.
    case unscaled
    /// Only these layers rotate; the layers that see the whole context have no rotary embedding.
    case rotateAlone
  }

  /// The base of the frequencies.
  package var theta = 10_000.0
  /// The key of the base next to the other settings.
  package var thetaKey = "rope_theta"
  /// The share of a head that is rotated.
  package var share = 1.0
  /// The number of dimensions of a head that are rotated, where the architecture states no share.
  package var rotaryDim: Int?
  /// The number of dimensions of a head, or of the part of a head that rotates as a whole.
  package var headDim: Int?
  /// The number of dimensions of a head in layers that see the whole context, if they differ.
  package var fullHeadDim: Int?
  package var hiddenSize: Int?
  package var headCount: Int?
  package var maximumPositions: Int?
  /// The settings of layers with a window; nil if all layers are alike.
  package var windows: Windows?
  /// True if all layers are alike when `sliding_window` is null.
  package var hasOptionalWindow = false
  /// The number of layers of which the last does not rotate, unless the configuration lists them; nil if all layers
  /// rotate.
  package var unrotatedInterval: Int?
}

/// The layers of a model that have a rotary embedding, if not all layers have one.
package enum RotatedLayers: Sendable, Equatable {
  case some(rotated: Int, total: Int)
  /// The layers that see only a window of the context.
  case windows
}

extension RotaryArchitecture {
  /// Returns the architecture with this `model_type`; nil if it is unknown or has no rotary embeddings.
  ///
  /// The text part of a model with several parts has the name of the model, followed by `_text`.
  package static func named(_ modelType: String) -> RotaryArchitecture? {
    for ending in ["_text_model", "_text"] where modelType.hasSuffix(ending) {
      if let found = known[String(modelType.dropLast(ending.count))] { return found }
    }
    return known[modelType]
  }

  private static let known = Dictionary(table, uniquingKeysWith: { first, _ in first })

  /// Architectures whose positions are learned, computed or relative, or that have none.
  static let withoutRotation: Set<String> = [
    "albert", "bart", "beit", "bert", "bert-generation", "big_bird", "bigbird_pegasus", "biogpt",
    "blenderbot", "blenderbot-small", "bloom", "bros", "camembert", "canine", "clip",
    "clip_text_model", "convbert", "cpmant", "ctrl", "data2vec-text", "deberta", "deberta-v2",
    "decision_transformer", "deit", "dinov2", "distilbert", "electra", "ernie", "falcon_mamba",
    "flaubert", "fnet", "fsmt", "funnel", "gpt2", "gpt_bigcode", "gpt_neo", "hubert", "ibert",
    "imagegpt", "jais", "jamba", "layoutlm", "layoutlmv2", "layoutlmv3", "led", "lilt",
    "longformer",
    "longt5", "luke", "lxmert", "m2m_100", "mamba", "mamba2", "marian", "markuplm", "mbart",
    "megatron-bert", "mobilebert", "mpnet", "mpt", "mra", "mt5", "musicgen", "mvp", "nemotron_h",
    "nezha", "nllb-moe", "nystromformer", "openai-gpt", "opt", "pegasus", "pegasus_x", "plbart",
    "prophetnet", "rag", "realm", "reformer", "rembert", "roberta", "roberta-prelayernorm",
    "roc_bert", "rwkv", "siglip", "siglip_text_model", "splinter", "squeezebert", "swin",
    "switch_transformers", "t5", "tapas", "trocr", "udop", "umt5", "visual_bert", "vit", "vit_mae",
    "wav2vec2", "wavlm", "whisper", "xglm", "xlm", "xlm-roberta", "xlm-roberta-xl", "xlnet",
    "xlstm",
    "xmod", "yoso", "zamba",
  ]

  /// Architectures that rotate only if `position_embedding_type` asks for it.
  static let withOptionalRotation: Set<String> = ["esm", "granitemoehybrid"]
}
