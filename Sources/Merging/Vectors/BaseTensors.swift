import Base
import Checkpoints
import Models
import TensorCore

/// The tensors of a base, found by the names that vectors and adapters have for them.
struct BaseTensors {
  /// A tensor that a change refers to.
  struct Match {
    var name: String
    var info: TensorInfo
    /// True if the tensor is the output layer, whose values are those of the embeddings.
    var isTied = false
  }

  /// The names of the components of a pipeline, which diffusers puts before the names of their modules.
  private static let components = [
    "unet.", "transformer.", "text_encoder.", "text_encoder_2.", "text_encoder_3.", "vae.",
    "diffusion_model.",
  ]
  /// The prefixes of components in files that contain a whole pipeline.
  private static let pipelinePrefixes = [
    "model.diffusion_model.", "cond_stage_model.transformer.",
    "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model.",
  ]

  private var infos: [UTF8Key: TensorInfo] = [:]
  /// The names of tensors that are an alias or have one.
  private var aliases: Set<UTF8Key> = []
  /// True if the configuration ties the output layer to the embeddings, whatever tensors there are.
  let tiesEmbeddings: Bool
  /// The names of weights by the names of their modules with underscores in place of dots; nil if there are several.
  private var flattened: [UTF8Key: String?] = [:]
  /// The embeddings that an output layer without a tensor of its own shares.
  let embeddings: LazyTensor?

  /// - Parameter flattens: True if changes refer to modules by flattened names.
  init(_ base: Checkpoint, flattens: Bool) {
    for tensor in base.tensors {
      infos[UTF8Key(tensor.name)] = tensor.info
      guard let target = tensor.aliasOf else { continue }
      aliases.formUnion([UTF8Key(tensor.name), UTF8Key(target)])
    }
    embeddings = TensorNames.tokenEmbeddings(of: base)
    let config = try? ModelConfigurationFile(of: base)?.object()
    tiesEmbeddings = config?[ModelConfiguration.Keys.tiesEmbeddings]?.asBool == true
    guard flattens else { return }
    for tensor in base.tensors {
      for prefix in [""] + Self.pipelinePrefixes where tensor.name.hasPrefix(prefix) {
        add(tensor.name, withoutPrefix: prefix)
      }
    }
  }

  private mutating func add(_ name: String, withoutPrefix prefix: String) {
    guard name.hasSuffix(".weight") else { return }
    let module = name.dropFirst(prefix.count).dropLast(".weight".count)
    let key = UTF8Key(String(module).replacing(".", with: "_"))
    flattened[key] = flattened[key] == nil ? .some(name) : .some(nil)
  }

  func info(_ name: String) -> TensorInfo? { infos[UTF8Key(name)] }

  /// Returns the component of a pipeline that a change belongs to; empty if it is not known.
  func component(of tensor: TaskVector.Tensor) -> String {
    if case .flattened(let component) = tensor.target { return component }
    return Self.components.first(where: tensor.name.hasPrefix) ?? ""
  }

  /// Returns the tensor that a change refers to; nil if there is none.
  func match(_ tensor: TaskVector.Tensor) -> Match? {
    let name = tensor.name
    if case .flattened = tensor.target {
      guard let found = flattened[UTF8Key(name)] ?? nil, let info = info(found) else { return nil }
      return Match(name: found, info: info)
    }
    if let info = info(name) {
      return Match(
        name: name, info: info,
        isTied: TensorNames.isOutputWeight(name) && aliases.contains(UTF8Key(name)))
    }
    if let prefix = Self.components.first(where: name.hasPrefix) {
      let own = String(name.dropFirst(prefix.count))
      for prefix in [""] + Self.pipelinePrefixes {
        if let info = info(prefix + own) { return Match(name: prefix + own, info: info) }
      }
    }
    if TensorNames.isOutputWeight(name), let embeddings {
      return Match(name: name, info: embeddings.info, isTied: true)
    }
    return nil
  }
}
