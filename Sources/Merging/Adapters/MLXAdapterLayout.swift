import Base
import Checkpoints
import Models
import TensorCore

/// The layout of mlx-lm: `MODULE.lora_a` [in, r] and `MODULE.lora_b` [r, out], with `adapter_config.json`.
///
/// Source: `tuner/lora.py` and `tuner/dora.py` of mlx-lm 0.32.
enum MLXAdapterLayout: AdapterLayout {
  private static let parts: [(ending: String, part: AdapterModules.Part)] = [
    (".lora_a", .a), (".lora_b", .b), (".m", .magnitude),
  ]

  static func marks(_ names: [String]) -> Bool {
    names.contains { $0.hasSuffix(".lora_a") || $0.hasSuffix(".lora_b") }
  }

  static func recognizes(_ adapter: AdapterFile) -> Bool {
    adapter.config?["fine_tune_type"] != nil || marks(adapter.checkpoint.tensors.map(\.name))
  }

  static func tensors(of adapter: AdapterFile) throws -> [TaskVector.Tensor] {
    var modules = AdapterModules()
    var result: [TaskVector.Tensor] = []
    for tensor in adapter.checkpoint.tensors {
      if let (ending, part) = parts.first(where: { tensor.name.hasSuffix($0.ending) }) {
        modules.add(tensor, as: part, of: String(tensor.name.dropLast(ending.count)))
      } else {
        result.append(TaskVector.Tensor(whole: tensor, named: tensor.name))
      }
    }
    guard !modules.list.isEmpty else { return result }
    let scale = try scale(of: adapter)
    var errors: [any UserError] = []
    for module in modules.list {
      do { result.append(try change(module, scale: scale, adapter)) } catch {
        errors.append(try asUserError(error))
      }
    }
    try SeveralErrors.throwIfAny(errors)
    return result
  }

  private static func scale(of adapter: AdapterFile) throws -> Double {
    guard let config = adapter.config else {
      throw adapter.fault(
        "has no \(LowRankAdapter.configName)",
        hint: "put the file next to the weights; it has the scale of the adapter")
    }
    guard let scale = config["lora_parameters"]?["scale"]?.asDouble else {
      throw adapter.configFault("lora_parameters has no scale")
    }
    return scale
  }

  private static func change(
    _ module: AdapterModules.Module, scale: Double, _ adapter: AdapterFile
  ) throws -> TaskVector.Tensor {
    let factors = try AdapterFactors(module, of: adapter, target: module.name + ".weight")
    let (a, b) = (factors.a.info.shape.dimensions, factors.b.info.shape.dimensions)
    if a.count == 3 {
      guard b.count == 3, a[0] == b[0], a[1] == b[2], a[1] > 0, module.parts[.magnitude] == nil
      else {
        throw adapter.fault(
          "has factors A \(factors.a.info.shape) and B \(factors.b.info.shape), expected the same "
            + "experts and rank", tensor: factors.target)
      }
      let stack = StackedFactors(
        a: factors.a, b: factors.b, count: a[0], rank: a[1], inputs: a[2], outputs: b[1],
        stridesOfB: StackedFactors.Strides(matrix: b[1] * b[2], row: b[2], column: 1))
      return try stack.change(named: factors.target, scale: scale, isInputMajor: false)
    }
    var change =
      TensorNames.isEmbedding(module.name)
      ? try factors.plainProduct(scale: scale) : try factors.inputMajorProduct(scale: scale)
    if let magnitude = module.parts[.magnitude] { change.effect = .magnitude(magnitude) }
    return change
  }
}
