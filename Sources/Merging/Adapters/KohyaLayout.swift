import Base
import Checkpoints
import Packing
import TensorCore

/// The layout of kohya's scripts: `lora_unet_MODULE.lora_down.weight`, `.lora_up.weight` and `.alpha`, where the
/// dots of the module's name are underscores.
///
/// Source: `networks/lora.py` of kohya-ss/sd-scripts.
enum KohyaLayout: AdapterLayout {
  /// The prefixes of modules in the parts of a pipeline, longer ones first.
  private static let prefixes = [
    "lora_prior_unet_", "lora_prior_te_", "lora_transformer_", "lora_unet_", "lora_te1_",
    "lora_te2_",
    "lora_te3_", "lora_te_", "lycoris_",
  ]
  /// The names of parts of other methods in the same files.
  private static let unsupported = [
    "lora_mid": "a Tucker decomposition", "hada_": "LoHa", "lokr_": "LoKr", "dora_scale": "DoRA",
    "oft_": "OFT", "diff": "a full difference", "diff_b": "a full difference", "a1": "GLoRA",
  ]

  static func marks(_ names: [String]) -> Bool {
    names.contains { $0.hasSuffix(".lora_down.weight") || $0.hasSuffix(".lora_up.weight") }
  }

  static func recognizes(_ adapter: AdapterFile) -> Bool {
    marks(adapter.checkpoint.tensors.map(\.name))
  }

  static func tensors(of adapter: AdapterFile) throws -> [TaskVector.Tensor] {
    var modules = AdapterModules()
    var errors: [any UserError] = []
    for tensor in adapter.checkpoint.tensors {
      guard let (module, part) = part(of: tensor.name) else {
        let kind = unsupported.first { tensor.name.contains("." + $0.key) }?.value
        errors.append(
          adapter.fault(
            kind.map { "is part of \($0), which is not supported" }
              ?? "is not a known part of a LoRA adapter",
            tensor: tensor.name, hint: "merge the adapter with the program that made it"))
        continue
      }
      modules.add(tensor, as: part, of: module)
    }
    var result: [TaskVector.Tensor] = []
    for module in modules.list {
      do { result.append(try change(module, adapter)) } catch {
        errors.append(try asUserError(error))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    return result
  }

  private static func part(
    of name: String
  ) -> (module: String, part: AdapterModules.Part)? {
    let endings: [(String, AdapterModules.Part)] = [
      (".lora_down.weight", .a), (".lora_up.weight", .b), (".alpha", .alpha),
    ]
    guard let (ending, part) = endings.first(where: { name.hasSuffix($0.0) }) else { return nil }
    return (String(name.dropLast(ending.count)), part)
  }

  private static func change(
    _ module: AdapterModules.Module, _ adapter: AdapterFile
  ) throws -> TaskVector.Tensor {
    let prefix = prefixes.first(where: module.name.hasPrefix)
    let path = String(module.name.dropFirst(prefix?.count ?? 0))
    let isFlattened = prefix != nil || !module.name.contains(".")
    let factors = try AdapterFactors(
      module, of: adapter, target: isFlattened ? path : module.name + ".weight")
    let rank = factors.a.info.shape.dimensions.first ?? 0
    guard rank > 0 else {
      throw adapter.fault("has a factor of rank 0", tensor: factors.a.name)
    }
    var change = try factors.product(
      rank: rank, scale: try AdapterScale.scale(module, rank: rank, adapter))
    if isFlattened { change.target = .flattened(component: prefix ?? "") }
    return change
  }
}

/// The scale of a module whose alpha is stored as a tensor.
enum AdapterScale {
  /// Returns alpha / r, or 1 if there is no alpha.
  static func scale(
    _ module: AdapterModules.Module, rank: Int, _ adapter: AdapterFile
  ) throws -> Double {
    guard let tensor = module.parts[.alpha] else { return 1 }
    guard tensor.info.elementCount == 1, tensor.info.dtype.isPlainFloat else {
      throw adapter.fault(
        "is \(tensor.info.dtype.name) \(tensor.info.shape), expected one number",
        tensor: tensor.name)
    }
    var value = ByteBuffer(byteCount: 4)
    var scratch = ByteBuffer(byteCount: FloatReader(tensor).scratchByteCount(elementCount: 1))
    var span = value.mutableBytes
    var room = scratch.mutableBytes
    try FloatReader(tensor).read(0..<1, into: &span, scratch: &room)
    let alpha = Double(span.bytes.floats().first ?? 0)
    guard alpha.isFinite else {
      throw adapter.fault("is \(alpha), expected a finite number", tensor: tensor.name)
    }
    return alpha / Double(rank)
  }
}
