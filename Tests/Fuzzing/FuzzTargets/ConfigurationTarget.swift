import Base
import Models
import Rotary
import TensorCore

/// The fuzz target for `config.json`: roles of tensors, and rotary frequencies of every type.
enum ConfigurationTarget {
  private static let tensors: [TensorInfo] = [
    ("model.layers.0.self_attn.q_proj.weight", [32, 32]), ("h.0.attn.c_attn.weight", [32, 96]),
    ("model.layers.0.mlp.experts.gate_up_proj", [4, 32, 64]), ("conv.weight", [8, 4, 3, 3]),
    ("model.embed_tokens.weight", [48, 32]), ("model.norm.weight", [32]),
  ].compactMap { name, dimensions in
    guard let shape = try? Shape(dimensions) else { return nil }
    return try? TensorInfo(name: name, dtype: .f32, shape: shape)
  }

  static func run(_ bytes: [UInt8]) {
    guard let root = (try? JSONValue.parse(bytes.span))?.asObject else { return }
    let model = ModelConfiguration(root)
    let roles = TensorRole.roles(of: tensors, configuration: model)
    precondition(roles.count == tensors.count && !tensors.isEmpty, "a tensor has no role")
    guard let rotary = try? RotaryConfig(model) else { return }
    for (_, settings) in rotary.layers where (try? settings.check()) != nil {
      for length in [nil, 1, 4096, 1 << 20, Int.max] {
        _ = try? settings.frequencies(length: length)
      }
    }
  }
}
