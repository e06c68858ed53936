import Base
import Checkpoints
import Models
import Packing
import TensorCore

/// The layouts of diffusers: `COMPONENT.MODULE.lora_A.weight` without a configuration file, and the older
/// `COMPONENT.MODULE.processor.to_q_lora.down.weight`, `….lora.down.weight` and `….lora_linear_layer.down.weight`.
///
/// The scale is that of the metadata or of `.alpha` tensors; without them it is 1.
///
/// Source: `utils/state_dict_utils.py` and `loaders/lora_base.py` of diffusers 0.42.
enum DiffusersLayout: AdapterLayout {
  private static let metadataKey = "lora_adapter_metadata"

  static func marks(_ names: [String]) -> Bool {
    names.contains { name in
      [".lora.down.", ".lora.up.", "_lora.down.", "_lora.up.", ".lora_linear_layer."].contains {
        name.contains($0)
      }
    }
  }

  static func recognizes(_ adapter: AdapterFile) -> Bool {
    let names = adapter.checkpoint.tensors.map(\.name)
    return marks(names)
      || adapter.config == nil && PEFTLayout.marks(names)
        && !names.contains { $0.hasPrefix(TensorNames.adapterPrefix) }
  }

  static func tensors(of adapter: AdapterFile) throws -> [TaskVector.Tensor] {
    var modules = AdapterModules()
    var errors: [any UserError] = []
    for tensor in adapter.checkpoint.tensors {
      let words = tensor.name.split(separator: ".", omittingEmptySubsequences: false)
      guard let (module, part) = part(of: words.map(String.init)) else {
        errors.append(
          adapter.fault(
            "is not a known part of a LoRA adapter", tensor: tensor.name,
            hint: "merge the adapter with diffusers first"))
        continue
      }
      modules.add(tensor, as: part, of: module)
    }
    let scales = try Scales(adapter)
    var result: [TaskVector.Tensor] = []
    for module in modules.list {
      do { result.append(try change(module, scales, adapter)) } catch {
        errors.append(try asUserError(error))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    return result
  }

  /// Returns the module and the part that a name refers to; nil for other names.
  private static func part(
    of words: [String]
  ) -> (module: String, part: AdapterModules.Part)? {
    var module = words
    let last = module.removeLast()
    if last == "alpha" { return (named(module), .alpha) }
    if last == "lora_magnitude_vector" { return (named(module), .magnitude) }
    guard last == "weight", let mark = module.popLast() else { return nil }
    switch mark {
    case "lora_A": return (named(module), .a)
    case "lora_B": return (named(module), .b)
    case "lora_magnitude_vector": return (named(module), .magnitude)
    case "down", "up":
      guard let kind = module.last, kind.hasSuffix("lora") || kind == "lora_linear_layer" else {
        return nil
      }
      return (named(module), mark == "down" ? .a : .b)
    default: return nil
    }
  }

  /// Returns the name of the module without the words that only adapters have.
  private static func named(_ words: [String]) -> String {
    var words = words
    if let last = words.last {
      if last == "lora" || last == "lora_linear_layer" {
        words.removeLast()
      } else if last.hasSuffix("_lora") {
        words.removeLast()
        if words.last == "processor" { words.removeLast() }
        // `to_out` is a list of a linear layer and a dropout.
        let name = String(last.dropLast("_lora".count))
        words += name == "to_out" ? [name, "0"] : [name]
      }
    }
    return words.joined(separator: ".")
  }

  private static func change(
    _ module: AdapterModules.Module, _ scales: Scales, _ adapter: AdapterFile
  ) throws -> TaskVector.Tensor {
    let factors = try AdapterFactors(module, of: adapter, target: module.name + ".weight")
    let rank = factors.a.info.shape.dimensions.first ?? 0
    guard rank > 0 else {
      throw adapter.fault("has a factor of rank 0", tensor: factors.a.name)
    }
    let scale =
      try scales.scale(of: module.name) ?? AdapterScale.scale(module, rank: rank, adapter)
    var change = try factors.product(rank: rank, scale: scale)
    if let magnitude = module.parts[.magnitude] { change.effect = .magnitude(magnitude) }
    return change
  }

  /// The scales in the metadata, which has a configuration of PEFT for each component.
  private struct Scales {
    private var configs: [String: PEFTConfig] = [:]

    init(_ adapter: AdapterFile) throws {
      guard let text = adapter.checkpoint.metadataString(metadataKey) else { return }
      let bytes = Array(text.utf8)
      guard let members = (try? JSONValue.parse(bytes.rawSpan))?.asObject else {
        throw adapter.fault("metadata '\(metadataKey)' is not a JSON object")
      }
      var objects: [String: JSONObject] = [:]
      for (key, value) in members {
        let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
        let (component, name) = parts.count == 2 ? (parts[0], parts[1]) : ("", key)
        objects[component, default: JSONObject()][name] = value
      }
      for (component, object) in objects where object["r"] != nil {
        configs[component] = try PEFTConfig(
          AdapterFile(checkpoint: adapter.checkpoint, config: object))
      }
    }

    /// Returns the scale of a module; nil if the metadata has none.
    func scale(of module: String) throws -> Double? {
      let parts = module.split(separator: ".", maxSplits: 1).map(String.init)
      if parts.count == 2, let config = configs[parts[0]] {
        return try config.scale(of: parts[1])
      }
      return try configs[""]?.scale(of: module)
    }
  }
}
