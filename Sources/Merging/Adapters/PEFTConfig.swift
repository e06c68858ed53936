import Base
import Checkpoints

/// The configuration of an adapter of the PEFT type LORA.
///
/// Source: `LoraConfig` of PEFT 0.21; Kalajdzievski, "rsLoRA", 2023.
struct PEFTConfig {
  /// The initializations that leave the base as it is.
  private static let plainInitializations = ["gaussian", "eva", "orthogonal", "mica"]
  /// The initializations that subtract the initial product from the base, or replace the base, before training.
  private static let alteringInitializations = ["pissa", "olora", "corda", "loftq", "lora_ga"]
  /// Options that do more than add products, or that change where products are added.
  private static let unsupportedKeys = [
    "layer_replication", "alora_invocation_tokens", "use_qalora", "use_bdlora", "kasa_config",
    "monteclora_config", "arrow_config",
  ]
  private static let mergeHint: Message = "merge it with PEFT first"

  private let rank: Int
  private let alpha: Double
  private let isRankStabilized: Bool
  private let ranks: AdapterPatterns
  private let alphas: AdapterPatterns
  /// True if weights are stored as [in, out].
  let isTransposed: Bool
  let usesDoRA: Bool
  /// The endings of the names of parameters that have factors of their own.
  let targetParameters: [String]
  private let tokenIndices: JSONValue?
  private let adapter: AdapterFile

  init(_ adapter: AdapterFile) throws {
    self.adapter = adapter
    guard let object = adapter.config else {
      throw adapter.fault(
        "has no \(LowRankAdapter.configName)",
        hint: "put the file next to the weights; it has the scale of the adapter")
    }
    if let kind = object["peft_type"]?.asString, kind != "LORA" {
      throw adapter.configFault("peft_type is \(kind.printable), expected LORA")
    }
    try Self.checkInitialization(object["init_lora_weights"], adapter)
    for key in Self.unsupportedKeys {
      guard !Self.isUnset(object[key]) else { continue }
      throw adapter.configFault("\(key) is set, but is not supported", hint: Self.mergeHint)
    }
    guard let rank = object["r"]?.asInt, rank > 0,
      let alpha = object["lora_alpha"]?.asDouble, alpha.isFinite
    else {
      throw adapter.configFault(
        "r or lora_alpha is missing or out of range, expected r above 0 and a finite lora_alpha")
    }
    (self.rank, self.alpha) = (rank, alpha)
    isRankStabilized = object["use_rslora"]?.asBool == true
    isTransposed = object["fan_in_fan_out"]?.asBool == true
    usesDoRA = object["use_dora"]?.asBool == true
    targetParameters = (object["target_parameters"]?.asArray ?? []).compactMap(\.asString)
    tokenIndices = object["trainable_token_indices"]
    let nameLength = adapter.checkpoint.tensors.reduce(0) { $0 + $1.name.utf8.count }
    ranks = try AdapterPatterns("rank_pattern", of: adapter, nameLength: nameLength)
    alphas = try AdapterPatterns("alpha_pattern", of: adapter, nameLength: nameLength)
  }

  private static func isUnset(_ value: JSONValue?) -> Bool {
    switch value {
    case nil, .null, .bool(false): true
    case .array(let list): list.isEmpty
    case .object(let members): members.isEmpty
    case .bool(true), .number, .string: false
    }
  }

  /// Refuses adapters that were trained from a base with other weights.
  private static func checkInitialization(
    _ value: JSONValue?, _ adapter: AdapterFile
  ) throws {
    let name: String
    switch value {
    case nil, .null, .bool: return
    case .string(let text): name = text.lowercased()
    default: throw adapter.configFault("init_lora_weights is neither true, false nor a name")
    }
    if plainInitializations.contains(name) { return }
    guard alteringInitializations.contains(where: name.hasPrefix) else {
      throw adapter.configFault(
        "init_lora_weights is '\(name.printable)', which is not supported", hint: mergeHint)
    }
    throw adapter.configFault(
      "init_lora_weights is '\(name.printable)', which changed the weights of the base before training",
      hint:
        "convert it with PEFT: save_pretrained(…, path_initial_model_for_weight_conversion=…)")
  }

  // MARK: Values

  func rank(of module: String) throws -> Int {
    guard let value = ranks.value(of: module) else { return rank }
    guard let rank = Int(exactly: value), rank > 0 else {
      throw adapter.configFault("rank_pattern: the rank of '\(module.printable)' is \(value)")
    }
    return rank
  }

  /// Returns alpha / r, or alpha / √r if the adapter is rank-stabilized.
  func scale(of module: String) throws -> Double {
    let alpha = alphas.value(of: module) ?? alpha
    let rank = Double(try rank(of: module))
    return isRankStabilized ? alpha / rank.squareRoot() : alpha / rank
  }

  /// Returns the rows of an embedding that the adapter replaces, in the order of its values.
  func tokenIndices(of module: String) throws -> [Int] {
    var list = tokenIndices?.asArray
    for (name, value) in tokenIndices?.asObject ?? JSONObject()
    where module == name || module.hasSuffix("." + name) {
      list = value.asArray
    }
    guard let indices = list?.map(\.asInt), indices.allSatisfy({ ($0 ?? -1) >= 0 }) else {
      throw adapter.configFault(
        "trainable_token_indices has no valid list of tokens for '\(module.printable)'")
    }
    return indices.compactMap(\.self)
  }
}
