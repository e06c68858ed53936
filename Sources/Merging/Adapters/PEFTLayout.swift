import Base
import Checkpoints
import Models
import Packing
import TensorCore

/// The layout of PEFT: `base_model.model.MODULE.lora_A.weight`, with `adapter_config.json`.
///
/// Source: `get_peft_model_state_dict` of PEFT 0.21, and the layers of its `tuners/lora`.
enum PEFTLayout: AdapterLayout {
  static func marks(_ names: [String]) -> Bool {
    names.contains { name in
      TensorNames.adapterFactors.contains { name.contains("." + $0) }
    }
  }

  static func recognizes(_ adapter: AdapterFile) -> Bool { adapter.config != nil }

  static func tensors(of adapter: AdapterFile) throws -> [TaskVector.Tensor] {
    let config = try PEFTConfig(adapter)
    var parts = PEFTParts(adapter)
    var result: [TaskVector.Tensor] = []
    for module in parts.modules.list {
      do { result += try changes(module, config, adapter) } catch {
        parts.errors.append(try asUserError(error))
      }
    }
    for (module, tensor) in parts.tokens {
      do { result.append(try rows(tensor, of: module, config, adapter)) } catch {
        parts.errors.append(try asUserError(error))
      }
    }
    try SeveralErrors.throwIfAny(parts.errors)
    return parts.whole + result
  }

  /// Returns the changes of a module's tensors.
  private static func changes(
    _ module: AdapterModules.Module, _ config: PEFTConfig, _ adapter: AdapterFile
  ) throws -> [TaskVector.Tensor] {
    if let stacked = try PEFTParameters(config, adapter).change(module) { return [stacked] }
    let factors = try AdapterFactors(module, of: adapter, target: module.name + ".weight")
    let (rank, scale) = (try config.rank(of: module.name), try config.scale(of: module.name))
    let isTransposed = module.isEmbedding || config.isTransposed
    var product =
      isTransposed
      ? try factors.transposedProduct(rank: rank, scale: scale)
      : try factors.product(rank: rank, scale: scale)
    if let magnitude = module.parts[.magnitude] {
      guard !isTransposed else {
        throw adapter.fault(
          "is a DoRA of an embedding or of a transposed weight, which is not supported",
          tensor: factors.target, hint: "merge it with PEFT first")
      }
      product.effect = .magnitude(magnitude)
    } else if config.usesDoRA {
      throw adapter.fault("has no magnitudes, but use_dora is true", tensor: factors.target)
    }
    guard let bias = module.parts[.bias] else { return [product] }
    guard bias.info.dtype.isPlainFloat else {
      throw adapter.fault("is \(bias.info.dtype.name), expected floats", tensor: bias.name)
    }
    var info = bias.info
    info.name = module.name + ".bias"
    return [
      product,
      TaskVector.Tensor(
        sum: TermSum(info: info, parts: [.dense(bias, factor: Float(scale))])),
    ]
  }

  /// Returns the change that replaces rows of an embedding.
  private static func rows(
    _ tensor: LazyTensor, of module: String, _ config: PEFTConfig, _ adapter: AdapterFile
  ) throws -> TaskVector.Tensor {
    let indices = try config.tokenIndices(of: module)
    guard tensor.info.dtype.isPlainFloat, tensor.info.shape.dimensions.count == 2,
      tensor.info.shape.dimensions[0] == indices.count
    else {
      throw adapter.fault(
        "is \(tensor.info.dtype.name) \(tensor.info.shape), expected "
          + "\(indices.count.counted("row")) of floats",
        tensor: tensor.name)
    }
    var info = tensor.info
    info.name = module + ".weight"
    return TaskVector.Tensor(
      sum: TermSum(info: info, parts: [.dense(tensor, factor: 1)]), effect: .rows(indices))
  }
}

/// The tensors of an adapter in PEFT's layout, by their purpose.
private struct PEFTParts {
  var modules = AdapterModules()
  /// The tensors that replace those of the base.
  var whole: [TaskVector.Tensor] = []
  /// The modules whose rows are replaced, with the new rows.
  var tokens: [(module: String, tensor: LazyTensor)] = []
  var errors: [any UserError] = []
  private var wholeIndices: [UTF8Key: Int] = [:]

  init(_ adapter: AdapterFile) {
    for tensor in adapter.checkpoint.tensors {
      let name = TensorNames.withoutPrefix(TensorNames.adapterPrefix, tensor.name)
      let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      if let (module, part, isEmbedding) = Self.part(words) {
        modules.add(tensor, as: part, of: module, isEmbedding: isEmbedding)
      } else if let module = Self.tokenModule(words) {
        tokens.append((module, tensor))
      } else if name.contains("lora_") || name.contains("trainable_tokens") {
        errors.append(
          adapter.fault(
            "is not a known part of a LoRA adapter", tensor: tensor.name,
            hint: "merge the adapter with PEFT first"))
      } else {
        addWhole(tensor, words)
      }
    }
  }

  /// Returns the module and the part that a name refers to; nil for other names.
  private static func part(
    _ words: [String]
  ) -> (module: String, part: AdapterModules.Part, isEmbedding: Bool)? {
    let marks = TensorNames.adapterFactors + ["lora_magnitude_vector"]
    guard let index = words.lastIndex(where: marks.contains) else { return nil }
    let (mark, rest) = (words[index], words[(index + 1)...])
    // `lora_A.weight`, `lora_A.default.weight`, `lora_embedding_A` or `lora_embedding_A.default`.
    guard rest.count <= 2 else { return nil }
    let module = words[..<index].joined(separator: ".")
    if mark == "lora_magnitude_vector" { return (module, .magnitude, false) }
    let isEmbedding = mark.contains("embedding")
    if rest.last == "bias", mark == "lora_B" { return (module, .bias, false) }
    guard rest.last == "weight" || isEmbedding else { return nil }
    return (module, mark.hasSuffix("A") ? .a : .b, isEmbedding)
  }

  /// Returns the module of `MODULE.token_adapter.trainable_tokens_delta`; nil for other names.
  private static func tokenModule(_ words: [String]) -> String? {
    guard let index = words.firstIndex(of: "token_adapter"), index + 1 < words.count,
      words[index + 1] == "trainable_tokens_delta"
    else { return nil }
    return words[..<index].joined(separator: ".")
  }

  /// Adds a tensor that is stored whole, unless it is the original of a module that is stored too.
  private mutating func addWhole(_ tensor: LazyTensor, _ words: [String]) {
    // PEFT saves the frozen original beside a trained copy if it saves embeddings.
    if words.contains("original_module") { return }
    var kept = words
    if let index = kept.firstIndex(of: "modules_to_save") {
      // `norm.modules_to_save.default.weight` is `norm.weight`.
      kept.removeSubrange(index..<min(kept.count - 1, index + 2))
    }
    // The weight below an adapted embedding is `embed_tokens.base_layer.weight`.
    kept.removeAll { $0 == "base_layer" || $0 == "token_adapter" }
    let name = kept.joined(separator: ".")
    let change = TaskVector.Tensor(whole: tensor, named: name)
    if let index = wholeIndices[UTF8Key(name)] {
      whole[index] = change
    } else {
      wholeIndices[UTF8Key(name)] = whole.count
      whole.append(change)
    }
  }
}
