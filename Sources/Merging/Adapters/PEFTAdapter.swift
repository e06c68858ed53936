import Base
package import Checkpoints
import Models
import TensorCore

/// A low-rank adapter that is written in the layout of PEFT: `adapter_model.safetensors` and `adapter_config.json`.
///
/// Source: `save_pretrained` and `LoraConfig` of PEFT 0.21.
package struct PEFTAdapter: Sendable {
  /// The factors of a layer: A, shape `[rank, in]`, and B, shape `[out, rank]`.
  package struct Layer: Sendable {
    package var module: String
    package var a: LazyTensor
    package var b: LazyTensor

    package init(module: String, a: LazyTensor, b: LazyTensor) {
      self.module = module
      self.a = a
      self.b = b
    }
  }

  package var rank: Int
  package var alpha: Double
  /// The names of layers, or their ends after a dot, that PEFT adds adapters to.
  package var targets: [String]
  /// True if the base stores weights as [in, out].
  package var isTransposed = false
  /// True for a language model, whose class PEFT chooses by the kind of task.
  package var predictsTokens = true

  package init(rank: Int, alpha: Double, targets: [String]) {
    self.rank = rank
    self.alpha = alpha
    self.targets = targets
  }

  /// Returns the adapter with factors for some layers of a base.
  package func checkpoint(_ layers: [Layer], of base: Checkpoint) throws -> Checkpoint {
    let tensors = layers.flatMap { layer in
      [(layer.a, "lora_A"), (layer.b, "lora_B")].map { tensor, factor in
        var tensor = tensor
        tensor.info.name = "\(TensorNames.adapterPrefix)\(layer.module).\(factor).weight"
        return tensor
      }
    }
    var result = Checkpoint(
      path: base.path, container: .memory, tensors: tensors,
      identity: InputIdentity(hash: "", byteCount: 0), files: base.files)
    result.folder = FolderLayout(weightsName: LowRankAdapter.weightsName)
    let text = Array((JSONValue.object(config).serialized(indented: true) + "\n").utf8)
    return try result.replacingCompanion(LowRankAdapter.configName, with: text)
  }

  private var config: JSONObject {
    [
      "base_model_name_or_path": .null, "bias": "none", "fan_in_fan_out": .bool(isTransposed),
      "inference_mode": true, "init_lora_weights": true,
      "lora_alpha": alpha == alpha.rounded()
        ? JSONValue(Int(exactly: alpha) ?? 0) : JSONValue(alpha),
      "lora_dropout": 0.0, "modules_to_save": .null, "peft_type": "LORA", "r": JSONValue(rank),
      "target_modules": .array(targets.map { .string($0) }),
      "task_type": predictsTokens ? "CAUSAL_LM" : .null, "use_dora": false, "use_rslora": false,
    ]
  }
}
