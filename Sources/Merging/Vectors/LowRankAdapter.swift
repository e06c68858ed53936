package import Base
import Checkpoints
import LinearAlgebra
import Models
import Packing
import TensorCore

/// Reads adapters of the PEFT type LORA.
///
/// An adapter has, for each module, matrices A [r, in] and B [out, r]. Their product, multiplied by alpha / r, or
/// by alpha / √r if it is rank-stabilized, is added to the weight of the module.
///
/// Source: Hu et al., "LoRA", ICLR 2022; Kalajdzievski, "rsLoRA", 2023; file layout of PEFT 0.17.
package enum LowRankAdapter {
  static let configName = "adapter_config.json"
  static let weightsName = "adapter_model"

  /// Returns true if a checkpoint is a LoRA adapter, by its configuration file or its tensor names.
  static func isAdapter(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.companions.contains { $0.name == configName }
      || checkpoint.tensors.contains { tensor in
        TensorNames.adapterFactors.contains { tensor.name.contains("." + $0) }
      }
  }

  // MARK: Configuration

  /// The configuration of an adapter, with ranks and alphas by pattern of module names.
  private struct Config {
    var rank: Int
    var alpha: Double
    var isRankStabilized = false
    var isTransposed = false
    var ranks: [(key: String, value: Double)] = []
    var alphas: [(key: String, value: Double)] = []

    func rank(of module: String) -> Int {
      Self.value(of: module, in: ranks).flatMap { Int(exactly: $0) } ?? rank
    }

    func scale(of module: String) -> Double {
      let alpha = Self.value(of: module, in: alphas) ?? alpha
      let rank = Double(rank(of: module))
      return isRankStabilized ? alpha / rank.squareRoot() : alpha / rank
    }

    /// Returns the value of the first pattern that matches `module`.
    ///
    /// A pattern matches the end of a module's name, or the whole name if it begins with `^`. As in PEFT, it is a
    /// regular expression.
    private static func value(
      of module: String, in patterns: [(key: String, value: Double)]
    ) -> Double? {
      patterns.first { key, _ in
        if key.hasPrefix("^") { return matches(module, String(key.dropFirst()), isWhole: true) }
        return matches(module, key, isWhole: false)
      }?.value
    }

    private static func matches(_ module: String, _ pattern: String, isWhole: Bool) -> Bool {
      let isPlain = pattern.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x5F, 0x2D: true
        default: false
        }
      }
      if isPlain {
        return module == pattern || (!isWhole && module.hasSuffix("." + pattern))
      }
      guard let regex = try? Regex((isWhole ? "" : "(.*\\.)?") + "(" + pattern + ")") else {
        return false
      }
      return (try? regex.wholeMatch(in: module)) != nil
    }
  }

  /// Returns the configuration file next to the weights; `checkpoint` may be the weights or their folder.
  private static func configFile(of checkpoint: Checkpoint) throws -> ModelConfigurationFile {
    if let file = try ModelConfigurationFile(of: checkpoint, named: configName) { return file }
    return try ModelConfigurationFile(
      path: FileSystem.parent(of: checkpoint.path) + "/" + configName, named: configName,
      code: .adapter)
  }

  private static func config(of checkpoint: Checkpoint) throws -> Config {
    let path = checkpoint.path
    func fault(_ reason: Message, hint: Message? = nil) -> FormatError {
      FormatError(.adapter, "\(configName): \(reason)", path: path, hint: hint)
    }
    let file = try configFile(of: checkpoint)
    guard let object = try? file.object() else {
      throw fault("is not a JSON object")
    }
    if let kind = object["peft_type"]?.asString, kind != "LORA" {
      throw fault("peft_type is \(kind.printable), expected LORA")
    }
    if object["use_dora"]?.asBool == true {
      throw fault(
        "use_dora is true, but DoRA adapters are not supported", hint: "merge it with PEFT first")
    }
    // Options that do more than add products, or that change where products are added.
    for key in [
      "layer_replication", "alora_invocation_tokens", "trainable_token_indices",
      "target_parameters", "use_qalora", "use_bdlora", "lora_bias",
    ] {
      switch object[key] {
      case nil, .null, .bool(false): continue
      case .array(let list) where list.isEmpty: continue
      default:
        throw fault("\(key) is set, but is not supported", hint: "merge it with PEFT first")
      }
    }
    guard let rank = object["r"]?.asInt, rank > 0,
      let alpha = object["lora_alpha"]?.asDouble, alpha.isFinite
    else {
      throw fault(
        "r or lora_alpha is missing or out of range, expected r above 0 and a finite lora_alpha")
    }
    func patterns(_ key: String) -> [(key: String, value: Double)] {
      (object[key]?.asObject ?? JSONObject()).compactMap { key, value in
        value.asDouble.map { (key, $0) }
      }
    }
    return Config(
      rank: rank, alpha: alpha, isRankStabilized: object["use_rslora"]?.asBool == true,
      isTransposed: object["fan_in_fan_out"]?.asBool == true, ranks: patterns("rank_pattern"),
      alphas: patterns("alpha_pattern"))
  }

  // MARK: Tensors

  /// The factors of a module.
  private struct Module {
    var a: LazyTensor?
    var b: LazyTensor?
    var isEmbedding = false
  }

  /// Returns the differences by the names of the base's tensors, followed by the tensors that the adapter stores
  /// whole.
  static func tensors(of checkpoint: Checkpoint) throws -> [TaskVector.Tensor] {
    let config = try config(of: checkpoint)
    var modules: [String: Module] = [:]
    var order: [String] = []
    var whole: [TaskVector.Tensor] = []
    var errors: [any UserError] = []
    for tensor in checkpoint.tensors {
      let name = TensorNames.withoutPrefix(TensorNames.adapterPrefix, tensor.name)
      guard let (module, mark) = factor(of: name) else {
        if name.contains("lora_") {
          errors.append(
            FormatError(
              .adapter, "is not a known part of a LoRA adapter", path: checkpoint.path,
              tensor: tensor.name, hint: "merge the adapter with PEFT first"))
          continue
        }
        whole.append(try wholeTensor(tensor, name))
        continue
      }
      if modules[module] == nil { order.append(module) }
      var entry = modules[module] ?? Module()
      entry.isEmbedding = mark.contains("embedding")
      if mark.hasSuffix("A") { entry.a = tensor } else { entry.b = tensor }
      modules[module] = entry
    }
    var tensors: [TaskVector.Tensor] = []
    for name in order {
      do {
        tensors.append(
          try tensor(name, modules[name] ?? Module(), config, path: checkpoint.path))
      } catch { errors.append(try asUserError(error)) }
    }
    try SeveralErrors.throwIfAny(errors)
    return tensors + whole
  }

  /// Returns the module of a factor and the name of the factor, such as `lora_A`; nil for other tensors.
  private static func factor(of name: String) -> (module: String, mark: String)? {
    let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let index = words.lastIndex(where: TensorNames.adapterFactors.contains) else {
      return nil
    }
    // `lora_A.weight`, `lora_A.default.weight`, `lora_embedding_A` or `lora_embedding_A.default`.
    let rest = words[(index + 1)...]
    guard rest.count <= 2, rest.last == "weight" || words[index].contains("embedding") else {
      return nil
    }
    return (words[..<index].joined(separator: "."), words[index])
  }

  private static func wholeTensor(
    _ tensor: LazyTensor, _ name: String
  ) throws -> TaskVector.Tensor {
    let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    var kept = words
    if let index = words.firstIndex(of: "modules_to_save") {
      // `norm.modules_to_save.default.weight` is `norm.weight`.
      kept.removeSubrange(index..<min(words.count - 1, index + 2))
    }
    var renamed = tensor
    renamed.info.name = kept.joined(separator: ".")
    return TaskVector.Tensor(
      sum: TermSum(info: renamed.info, parts: [.dense(renamed, factor: 1)]), isWhole: true)
  }

  private static func tensor(
    _ module: String, _ factors: Module, _ config: Config, path: String
  ) throws -> TaskVector.Tensor {
    let name = module + ".weight"
    func fault(_ reason: Message) -> FormatError {
      FormatError(.adapter, reason, path: path, tensor: name)
    }
    guard let a = factors.a, let b = factors.b else {
      throw fault("has only one factor, expected A and B")
    }
    let rank = config.rank(of: module)
    guard a.info.dtype.isPlainFloat, b.info.dtype.isPlainFloat, a.info.dtype != .f64,
      b.info.dtype != .f64
    else {
      throw fault(
        "has factors of \(a.info.dtype.name) and \(b.info.dtype.name), expected F32, F16 or BF16")
    }
    let (shapeOfA, shapeOfB) = (a.info.shape.dimensions, b.info.shape.dimensions)
    guard shapeOfA.count >= 2, shapeOfA.count == shapeOfB.count, shapeOfA[0] == rank,
      shapeOfB[1] == rank, shapeOfB.dropFirst(2).allSatisfy({ $0 == 1 })
    else {
      throw fault(
        "has factors A \(a.info.shape) and B \(b.info.shape), expected factors of rank \(rank)")
    }
    let isTransposed = factors.isEmbedding || config.isTransposed
    guard !isTransposed || shapeOfA.count == 2 else {
      throw fault(
        "has transposed factors of \(shapeOfA.count) dimensions, expected 2 dimensions")
    }
    let scale = Float(config.scale(of: module))
    let u = isTransposed ? try transposed(a) : try flat(b, [shapeOfB[0], rank])
    let v =
      isTransposed
      ? try transposed(b) : try flat(a, [rank, shapeOfA.dropFirst().reduce(1, *)])
    let dimensions =
      isTransposed ? [shapeOfA[1], shapeOfB[0]] : [shapeOfB[0]] + shapeOfA.dropFirst()
    let info = try TensorInfo(name: name, dtype: .f32, shape: Shape(dimensions))
    return TaskVector.Tensor(
      sum: TermSum(info: info, parts: [.lowRank(u: u, v: v, factor: scale)]))
  }

  /// Returns the tensor with the same values in another shape.
  private static func flat(_ tensor: LazyTensor, _ dimensions: [Int]) throws -> LazyTensor {
    guard tensor.info.shape.dimensions != dimensions else { return tensor }
    var result = tensor
    result.info = try TensorInfo(
      name: tensor.name, dtype: tensor.info.dtype, shape: Shape(dimensions))
    return result
  }

  /// Returns the transposed matrix; its values are in memory.
  private static func transposed(_ tensor: LazyTensor) throws -> LazyTensor {
    let (rows, columns) = (tensor.info.shape.dimensions[0], tensor.info.shape.dimensions[1])
    let width = tensor.info.dtype.bitsPerElement / 8
    let values = Vectors.transposed(
      try tensor.bytes(), width: width, rows: rows, columns: columns)
    let info = try TensorInfo(
      name: tensor.name, dtype: tensor.info.dtype, shape: Shape([columns, rows]))
    return LazyTensor(
      info: info, source: MemoryTensorSource(info: info, values: values), stored: tensor.stored)
  }
}

extension FormatError.Code {
  package static let adapter = FormatError.Code(
    "adapter",
    meaning: "A LoRA adapter is malformed or of a kind that is not supported.",
    remedy: "Check adapter_config.json and the names of its tensors.")
}
