import Base
import Checkpoints
import Models
import Recipes
import Rotary

/// The settings of a model that determine what its tensors mean and that their shapes do not show.
struct ConfigurationFacts {
  /// The settings that must be equal, by name, in a fixed order; settings that are absent are left out.
  private var settings: [(name: String, text: String)] = []
  /// The ids of special tokens by key.
  private var tokenIDs: [(key: String, ids: Set<Int>)] = []
  private var epsilon: Double?
  private let rotary: RotaryFacts

  /// - Returns: nil if the model has no configuration.
  /// - Throws: `ModelConfigurationFile.Fault` if it has one that cannot be read.
  init?(_ checkpoint: Checkpoint) throws {
    guard let file = try ModelConfigurationFile.file(of: checkpoint) else { return nil }
    let configuration = try file.configuration()
    rotary = RotaryFacts(configuration)
    func add(_ name: String, _ text: String?) {
      if let text { settings.append((name, text)) }
    }
    // A setting of the wrong type is not compared; the commands that use it report it.
    add("model_type", (try? configuration.textModelType)?.shown)
    add("attention heads", (try? configuration.headCount).map { String($0) })
    add("key and value heads", (try? configuration.keyValueHeadCount).map { String($0) })
    add("head dimensions", (try? configuration.headDim).map { String($0) })
    add("experts for each token", (try? configuration.expertsPerToken).map { String($0) })
    let activation = try? configuration.text([
      "hidden_act", "hidden_activation", "activation_function", "activation",
    ])
    add("activation", activation.map { Self.activations[$0] ?? $0.shown })
    epsilon = try? configuration.number([
      "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps",
    ])
    var seen: Set<UTF8Key> = []
    for (key, value) in Array(configuration.object) + Array(configuration.root)
    where key.hasSuffix("_token_id") || key.hasSuffix("_token_index") {
      guard tokenIDs.count < Self.tokenLimit else { break }
      let values = value.asArray ?? [value]
      let ids = values.compactMap(\.asInt)
      guard !ids.isEmpty, ids.count == values.count, seen.insert(UTF8Key(key)).inserted else {
        continue
      }
      tokenIDs.append((key, Set(ids)))
    }
  }

  /// The maximum number of special tokens that are compared.
  private static let tokenLimit = 256

  /// Names of the same activation, with the one that messages show.
  private static let activations = [
    "swish": "silu", "gelu_new": "gelu_pytorch_tanh", "gelu_fast": "gelu_pytorch_tanh",
  ]

  /// Returns the settings in which `other` differs, and those that may differ without an effect on the tensors.
  func differences(of other: ConfigurationFacts) -> (errors: [String], notes: [String]) {
    var (errors, notes): ([String], [String]) = ([], [])
    for (name, text) in settings {
      guard let found = other.settings.first(where: { $0.name == name }), found.text != text else {
        continue
      }
      errors.append("\(name) \(found.text) instead of \(text)")
    }
    if let difference = rotary.difference(of: other.rotary) { errors.append(difference) }
    for (key, ids) in tokenIDs {
      guard let found = other.tokenIDs.first(where: { $0.key.equalsAsBytes(key) })?.ids,
        found != ids
      else { continue }
      let text = "\(key.shown) \(Self.text(found)) instead of \(Self.text(ids))"
      // A fine-tuned model often has more tokens that end a text than its base.
      if found.isDisjoint(with: ids) { errors.append(text) } else { notes.append(text) }
    }
    if let epsilon, let found = other.epsilon, found != epsilon {
      notes.append("epsilon of the norms \(found) instead of \(epsilon)")
    }
    return (errors, notes)
  }

  private static func text(_ ids: Set<Int>) -> String {
    let first = ids.sorted().prefix(8).map(String.init).joined(separator: ", ")
    return ids.count == 1 ? first : "[\(first)\(ids.count > 8 ? ", …" : "")]"
  }
}

/// The rotary embedding of a model, compared by its frequencies, since configurations write them in several ways.
private struct RotaryFacts {
  private let layers: [(kind: String?, settings: RopeSettings)]
  /// The settings as written, for types whose frequencies are not computed.
  private let written: JSONObject?
  private let theta: Double?

  init(_ configuration: ModelConfiguration) {
    let layers = (try? RotaryConfig(configuration))?.layers ?? []
    self.layers = layers.count <= Self.kindLimit ? layers : []
    written = try? configuration.rope
    theta = try? configuration.number(["rope_theta", "rotary_emb_base"])
  }

  private func settings(_ kind: String?) -> RopeSettings? {
    (layers.first { $0.kind == kind } ?? layers.first { $0.kind == nil })?.settings
  }

  /// Returns the text of the first difference; nil if there is none.
  func difference(of other: RotaryFacts) -> String? {
    guard !layers.isEmpty, !other.layers.isEmpty else {
      return written == other.written && theta == other.theta
        ? nil : "rotary embedding with other parameters"
    }
    for kind in layers.map(\.kind) + other.layers.map(\.kind) {
      let (own, found) = (settings(kind), other.settings(kind))
      if let own, let found, Self.areEqual(own, found) { continue }
      let (before, after) = (Self.text(own), Self.text(found))
      let place = kind.map { " of \($0.shown) layers" } ?? ""
      return "rotary embedding\(place) "
        + (before == after ? "\(before) with other parameters" : "\(after) instead of \(before)")
    }
    return nil
  }

  /// The maximum number of kinds of layers, and of dimensions of a head, whose frequencies are computed.
  private static let kindLimit = 64
  private static let dimensionLimit = 1 << 12
  /// The longest length at which frequencies are compared.
  private static let lengthLimit = 1 << 24

  private static func areEqual(_ own: RopeSettings, _ other: RopeSettings) -> Bool {
    if own == other { return true }
    guard own.layers == other.layers, max(own.headDim, other.headDim) <= dimensionLimit else {
      return false
    }
    // Some types have other frequencies beyond the length that they were trained with.
    let longest = max(1, own.maximumLength ?? 1, other.maximumLength ?? 1)
    let lengths = [nil, 2 * min(longest, lengthLimit)]
    for length in lengths {
      guard own.typeName != "clex", other.typeName != "clex",
        let first = try? own.frequencies(length: length),
        let second = try? other.frequencies(length: length),
        first.inverse.count == second.inverse.count,
        isNear(first.attentionFactor, second.attentionFactor),
        zip(first.inverse, second.inverse).allSatisfy(isNear)
      else { return false }
    }
    return true
  }

  private static func isNear(_ a: Double, _ b: Double) -> Bool {
    abs(a - b) <= 1e-9 * max(abs(a), abs(b))
  }

  private static func text(_ settings: RopeSettings?) -> String {
    guard let settings else { return "none" }
    let factor = settings.factor.map { ", factor \($0)" } ?? ""
    return "\(settings.typeName.shown) with base \(settings.theta)\(factor)"
  }
}
