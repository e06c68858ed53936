import Base

extension ModelConfiguration {
  /// A setting with the key that it has, or would have, in the part of the document at `path`.
  package struct Keyed<Value: Sendable>: Sendable {
    package var key: String
    package var value: Value
    /// True if the configuration has the key.
    package var isWritten: Bool
  }

  /// The facts that the code of the architecture adds; nil if the architecture is unknown.
  package var rotaryArchitecture: RotaryArchitecture? {
    get throws(Fault) { try textModelType.flatMap(RotaryArchitecture.named) }
  }

  /// True if the model rotates queries and keys by their positions.
  package var hasRotaryEmbeddings: Bool {
    get throws(Fault) {
      guard let type = try textModelType else { return true }
      if RotaryArchitecture.withoutRotation.contains(type) { return false }
      if try flag(["alibi"]) == true { return false }
      let isKnown = try rotaryArchitecture != nil
      let isOptional = RotaryArchitecture.withOptionalRotation.contains(type)
      guard isOptional || !isKnown else { return true }
      guard let positions = try text(["position_embedding_type"]) else { return !isOptional }
      return ["rotary", "rope"].contains(positions)
    }
  }

  /// True if the configuration has a key that only models with rotary embeddings have.
  package var mentionsRotaryEmbeddings: Bool {
    object.contains { $0.key.hasPrefix("rope_") || $0.key.hasPrefix("rotary_") }
  }

  /// The base of the rotary frequencies next to the other settings; that of the architecture if it is not set.
  package var rotaryBase: Keyed<Double> {
    get throws(Fault) {
      let architecture = try rotaryArchitecture ?? RotaryArchitecture()
      let keys = [architecture.thetaKey] + Keys.rotaryBase
      // ChatGLM multiplies the base.
      let ratio = try number(["rope_ratio"]) ?? 1
      guard let key = keys.first(where: isSet), let base = try number([key]) else {
        return Keyed(
          key: architecture.thetaKey, value: architecture.theta * ratio, isWritten: false)
      }
      return Keyed(key: key, value: base * ratio, isWritten: true)
    }
  }

  /// The base of layers with a window, if the configuration sets one.
  package var rotaryWindowBase: Double? {
    get throws(Fault) { try number(["rope_local_base_freq", "local_rope_theta"]) }
  }

  /// The number of dimensions of the part of a head that the rotary embedding applies to, wholly or to a share.
  ///
  /// Nil if neither the configuration nor the architecture defines it.
  package var rotaryHeadDim: Int? {
    get throws(Fault) {
      // DeepSeek rotates a part of each head, which has its own key.
      if let written = try size(["qk_rope_head_dim", "head_dim", "kv_channels"]) { return written }
      let architecture = try rotaryArchitecture
      // An explicit null asks for the quotient.
      if object["head_dim"] == nil, let head = architecture?.headDim { return head }
      guard let hidden = try hiddenSize ?? architecture?.hiddenSize,
        let heads = try headCount ?? architecture?.headCount
      else { return nil }
      guard hidden > 0, heads > 0, hidden % heads == 0 else {
        throw Fault(key: "hidden_size", expected: .multipleOfHeads)
      }
      return hidden / heads
    }
  }

  /// The number of dimensions of a head beside those that the rotary embedding applies to; 0 if it applies to a whole
  /// head or to a share of it.
  ///
  /// The latent attention of DeepSeek has heads of two parts, of which one rotates.
  package var rotaryPlainDim: Int {
    get throws(Fault) {
      guard try size(["qk_rope_head_dim"]) != nil else { return 0 }
      return try size(["qk_nope_head_dim"]) ?? 0
    }
  }

  /// The settings of layers with a window that the architecture defines; nil if all layers are alike.
  package var rotaryWindows: RotaryArchitecture.Windows? {
    get throws(Fault) {
      guard let architecture = try rotaryArchitecture else { return nil }
      if architecture.hasOptionalWindow, object["sliding_window"] == .null { return nil }
      return architecture.windows
    }
  }

  /// The layers that rotate; nil if all of them do.
  package var rotatedLayers: RotatedLayers? {
    get throws(Fault) {
      if try rotaryWindows == .rotateAlone { return .windows }
      let listKey = "no_rope_layers"
      let count = try layerCount
      var flags: [Bool] = []
      if let list = object[listKey]?.asArray, !list.isEmpty {
        for value in list.prefix(count ?? list.count) {
          // 1 means that the layer rotates, in spite of the name of the key.
          guard let flag = value.asBool ?? value.asInt.map({ $0 != 0 }) else {
            throw Fault(key: listKey, expected: .flags)
          }
          flags.append(flag)
        }
      } else if let count, let standard = try rotaryArchitecture?.unrotatedInterval {
        let interval = try size(["no_rope_layer_interval"]) ?? standard
        return Self.rotated(count - count / interval, of: count)
      }
      return Self.rotated(flags.count { $0 }, of: flags.count)
    }
  }

  private static func rotated(_ count: Int, of total: Int) -> RotatedLayers? {
    count == total ? nil : .some(rotated: count, total: total)
  }

  /// The number of dimensions of a head in layers that see the whole context, if it differs from the others.
  package var rotaryFullHeadDim: Int? {
    get throws(Fault) {
      if let written = try size(["global_head_dim"]) { return written }
      return try rotaryArchitecture?.fullHeadDim
    }
  }

  /// Returns the share of a head with `headDim` dimensions that is rotated.
  package func rotaryShare(headDim: Int) throws(Fault) -> Double {
    if let share = try number(Keys.rotaryShare) { return share }
    let architecture = try rotaryArchitecture
    if let dim = try size(["rotary_dim"]) ?? architecture?.rotaryDim {
      return Double(dim) / Double(headDim)
    }
    return architecture?.share ?? 1
  }

  /// The largest number of positions; that of the architecture if it is not set. Nil if both are missing.
  package var positionLimit: Keyed<Int>? {
    get throws(Fault) {
      if let key = Keys.maximumPositions.first(where: isSet), let count = try maximumPositions {
        return Keyed(key: key, value: count, isWritten: true)
      }
      let key = Keys.maximumPositions[0]
      return try rotaryArchitecture?.maximumPositions.map {
        Keyed(key: key, value: $0, isWritten: false)
      }
    }
  }

  private func isSet(_ key: String) -> Bool { object[key].map { $0 != .null } ?? false }
}
