import Base
import Models
import Rotary

/// Reads the configuration of a network and collects all faults in it.
struct NetworkConfigurationReader {
  let model: ModelConfiguration
  let facts: ArchitectureFacts
  let path: String
  private(set) var faults: [any UserError] = []

  init(_ model: ModelConfiguration, _ facts: ArchitectureFacts, path: String) {
    self.model = model
    self.facts = facts
    self.path = path
  }

  /// The largest width of a layer, and the largest number of blocks or of experts in them.
  private static let sizeLimit = 1 << 24
  private static let countLimit = 1 << 12

  mutating func report(_ reason: Message, hint: Message? = nil) {
    faults.append(
      FormatError(
        .networkConfiguration, "config.json: " + reason, path: path, hint: hint))
  }

  /// Returns what `read` returns; nil and a fault if it throws.
  private mutating func optional<T>(
    _ read: (ModelConfiguration) throws -> T?
  ) -> T? {
    do { return try read(model) } catch {
      report(Message("\(error)"))
      return nil
    }
  }

  /// Returns a size from 1 to 2^24; 1 and a fault if it is missing or outside.
  private mutating func size(
    _ key: String, default value: Int? = nil,
    _ read: (ModelConfiguration) throws -> Int?
  ) -> Int {
    let count = faults.count
    let found = optional(read)
    guard faults.count == count else { return 1 }
    guard let size = found ?? value else {
      report("\(key) is missing")
      return 1
    }
    guard (1...Self.sizeLimit).contains(size) else {
      report("\(key) is \(size), expected 1 to 2^24")
      return 1
    }
    return size
  }

  mutating func configuration(named modelType: String) -> NetworkConfiguration {
    if facts.classifier != nil { return classifierConfiguration(named: modelType) }
    let hidden = size("hidden_size") { try $0.hiddenSize }
    let count = faults.count
    let heads = size("num_attention_heads") { try $0.headCount }
    let groups = size("num_key_value_heads") { try $0.keyValueHeadCount }
    let areHeadsKnown = faults.count == count
    let layerCount = size("num_hidden_layers") { try $0.layerCount }
    let rotations = facts.rotates ? rotations() : []
    let headDim =
      rotations.first?.settings.headDim
      ?? size("head_dim") { try $0.headDim }
    if heads * headDim > Self.sizeLimit {
      report("\(heads) heads of \(headDim) values, expected at most 2^24 values together")
    }
    if areHeadsKnown, heads % groups != 0 {
      report("num_attention_heads is \(heads), expected a multiple of \(groups), the key heads")
    }
    if !facts.rotates, headDim * heads != hidden {
      report("hidden_size is \(hidden), expected a multiple of \(heads), the heads")
    }
    let queryScalar = optional { try $0.queryScalar }
    if let queryScalar, !(queryScalar > 0) {
      report("query_pre_attn_scalar is \(queryScalar), expected a number above 0")
    }
    let experts = expertCounts()
    return NetworkConfiguration(
      modelType: modelType,
      vocabularySize: facts.readsImages ? 0 : size("vocab_size") { try $0.vocabularySize },
      hiddenSize: hidden, headCount: heads, keyValueHeadCount: groups, headDim: headDim,
      intermediateSize: intermediateSize(hidden), epsilon: epsilon(), activation: activation(),
      tiesEmbeddings: optional { try $0.tiesEmbeddings } ?? facts.tiesEmbeddings,
      attentionScale: 1 / (queryScalar ?? Double(headDim)).squareRoot(),
      attentionSoftcap: cap("attn_logit_softcapping") { try $0.attentionSoftcap },
      finalSoftcap: cap("final_logit_softcapping") { try $0.finalSoftcap },
      attentionBias: optional { try $0.attentionBias } ?? false,
      feedForwardBias: optional { try $0.feedForwardBias } ?? false,
      expertCount: experts.count, expertsPerToken: experts.perToken,
      positionLimit: facts.rotates || facts.readsImages
        ? nil : size("max_position_embeddings") { try $0.maximumPositions },
      tokenTypeCount: size("type_vocab_size", default: 2) { try $0.tokenTypeCount },
      layers: layers(layerCount, rotations), image: image(), rotations: rotations.map(\.settings))
  }

  /// Returns the settings of images, if the network reads them.
  private mutating func image() -> ImageSettings? {
    guard facts.readsImages else { return nil }
    let settings = ImageSettings(
      size: size("image_size") { try $0.imageSize },
      patchSize: size("patch_size") { try $0.patchSize },
      channelCount: size("num_channels", default: 3) { try $0.channelCount },
      featureCount: size("projection_dim") { try $0.projectionSize })
    if settings.size < settings.patchSize || settings.size / settings.patchSize > 256 {
      report(
        "image_size is \(settings.size), expected 1 to 256 times the patch size, "
          + "\(settings.patchSize)")
    }
    if settings.patchSize > 256 || settings.channelCount > 256 {
      report(
        "patches of \(settings.patchSize) with \(settings.channelCount) channels, "
          + "expected at most 256 of each")
    }
    return settings
  }

  private mutating func intermediateSize(_ hidden: Int) -> Int {
    if facts.isAttentionOnly { return 0 }
    return size("intermediate_size", default: facts.intermediateFactor.map { $0 * hidden }) {
      try $0.intermediateSize
    }
  }

  private mutating func epsilon() -> Double {
    let written = optional { try $0.normEpsilon }
    guard let epsilon = written ?? facts.epsilon else {
      report("the epsilon of the normalizations is missing")
      return 1
    }
    guard epsilon >= 0, epsilon.isFinite else {
      report("the epsilon of the normalizations is \(epsilon), expected a number from 0 on")
      return 1
    }
    return epsilon
  }

  private mutating func cap(
    _ key: String, _ read: (ModelConfiguration) throws -> Double?
  ) -> Double? {
    guard let cap = optional(read) else { return nil }
    guard cap > 0, cap.isFinite else {
      report("\(key) is \(cap), expected a number above 0")
      return nil
    }
    return cap
  }

  mutating func activation() -> ActivationKind {
    let name = optional { try $0.activationName }
    guard let name = name ?? facts.activation else {
      report("the activation is missing")
      return .silu
    }
    guard let kind = ActivationKind(configured: name) else {
      report(
        "the activation '\(name.printable)' is not supported",
        hint: "supported are \(ActivationKind.configuredNames.joined(separator: ", "))")
      return .silu
    }
    return kind
  }

  private mutating func expertCounts() -> (count: Int, perToken: Int) {
    guard let count = optional({ try $0.expertCount }) else {
      return (0, 0)
    }
    let perToken = size("num_experts_per_tok") {
      try $0.expertsPerToken
    }
    guard (1...Self.countLimit).contains(count), perToken <= count else {
      report("\(perToken) of \(count) experts for each token, expected at most all of them")
      return (1, 1)
    }
    return (count, perToken)
  }
}

// MARK: Layers and rotation

extension NetworkConfigurationReader {
  private typealias Rotations = [(kind: String?, settings: RopeSettings)]

  /// Returns the rotary settings of each kind of layers; none and a fault if they are invalid.
  private mutating func rotations() -> [(kind: String?, settings: RopeSettings)] {
    do throws(RopeFault) {
      let config = try RotaryConfig(model)
      for layer in config.layers {
        _ = try layer.settings.type()
        try layer.settings.check()
        if layer.settings.layers != nil {
          throw RopeFault("some layers do not rotate, which is not supported")
        }
        if layer.settings.plainDim != 0 {
          throw RopeFault("heads of two parts are not supported")
        }
      }
      if Set(config.layers.map(\.settings.headDim)).count > 1 {
        throw RopeFault("layers with heads of different sizes are not supported")
      }
      return config.layers
    } catch {
      report(error.message, hint: error.hint)
      return []
    }
  }

  /// Returns the window and rotation of each layer.
  private mutating func layers(
    _ count: Int, _ rotations: [(kind: String?, settings: RopeSettings)]
  ) -> [NetworkConfiguration.Layer] {
    guard count <= Self.countLimit else {
      report("num_hidden_layers is \(count), expected at most \(Self.countLimit)")
      return []
    }
    let kinds = layerKinds(count)
    let window = optional { try $0.slidingWindow }
    if window == nil, kinds.contains("sliding_attention"), facts.windowPattern != nil {
      report("sliding_window is missing")
    }
    return kinds.map { kind in
      NetworkConfiguration.Layer(
        window: kind == "sliding_attention" ? window : nil,
        rotation: rotations.firstIndex { $0.kind == kind } ?? 0)
    }
  }

  private mutating func layerKinds(_ count: Int) -> [String] {
    // A missing count is a fault of its own.
    let isCountKnown = optional { try $0.layerCount } != nil
    let (full, sliding) = ("full_attention", "sliding_attention")
    if let kinds = optional({ try $0.layerTypes }), isCountKnown {
      if let unknown = kinds.first(where: { $0 != full && $0 != sliding }) {
        report("layer type '\(unknown.printable)' is not supported")
      }
      if kinds.count != count {
        report("layer_types has \(kinds.count) entries, expected \(count)")
        return Array(repeating: full, count: count)
      }
      return kinds
    }
    if optional({ try $0.usesSlidingWindow }) == true {
      let first = optional { try $0.fullLayerCount } ?? 0
      return (0..<count).map { $0 >= first ? sliding : full }
    }
    let written = optional { try $0.slidingWindowPattern }
    if let standard = facts.windowPattern {
      let pattern = written ?? standard
      return (0..<count).map { ($0 + 1) % pattern == 0 ? full : sliding }
    }
    return Array(repeating: facts.windowsAllLayers ? sliding : full, count: count)
  }
}
