import TensorCore

/// Rules for the parts of stored quantizations and of adapters.
extension RoleRules {
  /// The endings that are added to the name of a tensor for the name of its scales.
  private static let scaleEndings = [
    "_scale", "_scale_inv", "_scales", ".absmax",
  ]

  /// Rules for parts of stored quantizations.
  static let quantized: [RoleRule] = [
    // Names that are only used in stored quantizations.
    RoleRule(
      .word(["quant_state"]), is: .quantized(.description),
      example: .init(
        "model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4", [82], .u8)),
    RoleRule(
      .leaf([
        "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_scales",
        "weight_global_scale", "scale_weight", "wscales", "wcscales", "wtscale", "qscales", "scb",
        "absmax", "nested_absmax", "quant_map", "nested_quant_map",
      ]), is: .quantized(.scales),
      example: .init("model.layers.3.mlp.experts.0.up_proj.weight_scale_inv", [16, 56], .f32)),
    RoleRule(
      .leaf([
        "input_scale", "input_global_scale", "scale_input", "activation_scale", "output_scale",
        "q_scale", "k_scale", "v_scale", "kv_scale", "prob_scale", "pre_quant_scale",
      ]), form: .vector, is: .quantized(.scales),
      example: .init("model.layers.0.self_attn.k_proj.input_scale", [], .f32)),
    RoleRule(
      .leafSuffix([
        "_weight_scale", "_weight_scale_inv", "_weight_scales", "_scale_inv", "_global_scale",
        "_amax",
      ]), is: .quantized(.scales),
      example: .init("model.layers.0.mlp.experts.gate_up_proj_scale_inv", [128, 32, 56], .f32)),
    RoleRule(
      .leaf(["qzeros", "weight_zero_point", "input_zero_point", "output_zero_point", "zero_point"]),
      is: .quantized(.zeros),
      example: .init("model.layers.0.mlp.up_proj.qzeros", [32, 1792], .i32)),
    RoleRule(
      .leaf(["qweight", "weight_packed", "q_weight", "qidxs", "trellis"]), is: .quantized(.codes),
      example: .init("model.layers.0.mlp.up_proj.qweight", [512, 14336], .i32)),
    RoleRule(
      .leafSuffix(["_qdata"]), is: .quantized(.codes),
      example: .init("model.layers.0.mlp.up_proj._weight_qdata", [4096, 2048], .u8)),
    RoleRule(
      .leaf([
        "g_idx", "weight_g_idx", "weight_shape", "weight_format", "q_perm", "q_invperm", "q_groups",
        "q_group_map", "scaled_fp8", "comfy_quant",
      ]), is: .quantized(.description),
      example: .init("model.layers.0.mlp.up_proj.g_idx", [4096], .i32)),

    // Names that have this meaning only together with certain other tensors.
    RoleRule(
      .leaf(["scales"]),
      beside: .sibling(["weight", "qweight", "q_weight", "codes", "codebooks", "blocks"]),
      is: .quantized(.scales),
      example: .init(
        "model.layers.0.mlp.up_proj.scales", [14336, 64], .f16,
        beside: ["model.layers.0.mlp.up_proj.weight"])),
    RoleRule(
      .leaf(["biases"]), beside: .sibling(["scales"]), is: .quantized(.zeros),
      example: .init(
        "model.layers.0.mlp.up_proj.biases", [14336, 64], .f16,
        beside: ["model.layers.0.mlp.up_proj.scales"])),
    RoleRule(
      .leaf(["scale"]), beside: .sibling(["weight", "W_q", "qweight"]), is: .quantized(.scales),
      example: .init(
        "layers.0.attn.wq_a.scale", [12, 56], .f32, beside: ["layers.0.attn.wq_a.weight"])),
    RoleRule(
      .leaf(["zero"]), beside: .sibling(["W_q"]), is: .quantized(.zeros),
      example: .init(
        "model.layers.0.mlp.up_proj.zero", [14336, 64], .f16,
        beside: ["model.layers.0.mlp.up_proj.W_q"])),
    RoleRule(
      .leaf(["w_q"]), beside: .sibling(["scale"]), is: .quantized(.codes),
      example: .init(
        "model.layers.0.mlp.up_proj.W_q", [7168, 4096], .u8,
        beside: ["model.layers.0.mlp.up_proj.scale"])),
    RoleRule(
      .leaf(["codes"]), beside: .sibling(["codebooks"]), is: .quantized(.codes),
      example: .init(
        "model.layers.0.mlp.up_proj.codes", [14336, 512, 1], .i16,
        beside: ["model.layers.0.mlp.up_proj.codebooks"])),
    RoleRule(
      .leaf(["codebooks"]), beside: .sibling(["codes"]), is: .quantized(.scales),
      example: .init(
        "model.layers.0.mlp.up_proj.codebooks", [1, 65536, 1, 8], .f16,
        beside: ["model.layers.0.mlp.up_proj.codes"])),
    RoleRule(
      .leaf(["suh", "svh", "su", "sv", "mcg", "mul1"]), beside: .sibling(["trellis", "Qidxs"]),
      is: .quantized(.scales),
      example: .init(
        "model.layers.0.mlp.up_proj.suh", [4096], .f16,
        beside: ["model.layers.0.mlp.up_proj.trellis"])),
    RoleRule(
      .leaf(["q_scale_max"]), beside: .sibling(["q_weight"]), is: .quantized(.scales),
      example: .init(
        "model.layers.0.mlp.up_proj.q_scale_max", [128], .f16,
        beside: ["model.layers.0.mlp.up_proj.q_weight"])),
    RoleRule(
      .leaf(["q_scale"]), beside: .sibling(["q_weight"]), is: .quantized(.scales),
      example: .init(
        "model.layers.0.mlp.up_proj.q_scale", [128, 512], .i32,
        beside: ["model.layers.0.mlp.up_proj.q_weight"])),
    RoleRule(
      .leaf(["compressed"]), beside: .sibling(["bitmask"]), is: .quantized(.codes),
      example: .init(
        "model.layers.0.mlp.up_proj.compressed", [29_360_128], .bf16,
        beside: ["model.layers.0.mlp.up_proj.bitmask"])),
    RoleRule(
      .leaf(["bitmask", "row_offsets", "shape", "meta"]), beside: .sibling(["compressed"]),
      is: .quantized(.description),
      example: .init(
        "model.layers.0.mlp.up_proj.bitmask", [14336, 512], .u8,
        beside: ["model.layers.0.mlp.up_proj.compressed"])),
    RoleRule(
      .leafSuffix(["_scales"]), beside: .ending("_blocks", insteadOf: "_scales"),
      is: .quantized(.scales),
      example: .init(
        "model.layers.0.mlp.experts.down_proj_scales", [32, 2880, 90], .u8,
        beside: ["model.layers.0.mlp.experts.down_proj_blocks"])),
    RoleRule(
      .leafSuffix(["_blocks"]), beside: .ending("_scales", insteadOf: "_blocks"),
      is: .quantized(.codes),
      example: .init(
        "model.layers.0.mlp.experts.down_proj_blocks", [32, 2880, 90, 16], .u8,
        beside: ["model.layers.0.mlp.experts.down_proj_scales"])),
    RoleRule(
      .leaf(["blocks"]), beside: .sibling(["scales"]), is: .quantized(.codes),
      example: .init(
        "block.0.mlp.mlp1_weight.blocks", [32, 5760, 90, 16], .u8,
        beside: ["block.0.mlp.mlp1_weight.scales"])),
    RoleRule(
      .leafSuffix(["_data"]), beside: .ending("_scale", insteadOf: "_data"), is: .quantized(.codes),
      example: .init(
        "model.layers.0.mlp.up_proj.weight._data", [4096, 4096], .i8,
        beside: ["model.layers.0.mlp.up_proj.weight._scale"])),
    RoleRule(
      .leafSuffix(["_scale"]), beside: .ending("_data", insteadOf: "_scale"),
      is: .quantized(.scales),
      example: .init(
        "model.layers.0.mlp.up_proj.weight._scale", [4096, 1], .bf16,
        beside: ["model.layers.0.mlp.up_proj.weight._data"])),
    RoleRule(
      .leafSuffix(["_scale", "_scales"]), beside: .without(["_scale", "_scales"]),
      is: .quantized(.scales),
      example: .init(
        "model.layers.0.mlp.experts.gate_up_proj_scale", [128, 1, 8192], .f32,
        beside: ["model.layers.0.mlp.experts.gate_up_proj"])),

    // Dtypes that are only used in stored quantizations, and narrow values with scales.
    RoleRule(
      .any, values: .dtype(.f8E8M0), is: .quantized(.scales),
      example: .init("layers.0.ffn.w1.shared_exponents", [2048, 64], .f8E8M0)),
    RoleRule(
      .any, values: .dtype(.f4), is: .quantized(.codes),
      example: .init("layers.0.ffn.experts.0.w1.weight", [2048, 4096], .f4)),
    RoleRule(
      .any, values: .narrow, beside: .appended(scaleEndings), is: .quantized(.codes),
      example: .init(
        "model.layers.3.mlp.experts.0.up_proj.weight", [2048, 7168], .f8E4M3,
        beside: ["model.layers.3.mlp.experts.0.up_proj.weight_scale_inv"])),
    RoleRule(
      .leaf(["weight"]), values: .narrow,
      beside: .sibling(["scales", "scale", "SCB", "scale_weight"]), is: .quantized(.codes),
      example: .init(
        "model.layers.0.mlp.up_proj.weight", [14336, 512], .u32,
        beside: ["model.layers.0.mlp.up_proj.scales"])),
  ]

  /// Rules for parts of adapters.
  static let adapters: [RoleRule] = [
    RoleRule(
      .word(["lora_a", "lora_embedding_a", "lora_down", "hada_w1_a", "hada_w2_a"]),
      is: .adapter(.a),
      example: .init(
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", [8, 4096], .f32)),
    RoleRule(
      .word(["lora_b", "lora_embedding_b", "lora_up", "hada_w1_b", "hada_w2_b"]), form: .any,
      is: .adapter(.b),
      example: .init(
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", [4096, 8], .f32)),
    RoleRule(
      .modulePathSuffix(["lora.down"]), is: .adapter(.a),
      example: .init(
        "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight",
        [4, 1280], .f32)),
    RoleRule(
      .modulePathSuffix(["lora.up"]), is: .adapter(.b),
      example: .init(
        "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight",
        [1280, 4], .f32)),
    RoleRule(
      .word(["lora_magnitude_vector", "dora_scale"]), is: .adapter(.scale),
      example: .init(
        "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.weight", [4096],
        .f32)),
    RoleRule(
      .leaf(["alpha"]), form: .vector,
      beside: .sibling(["lora_down.weight", "lora_up.weight", "lora_A.weight", "hada_w1_a"]),
      is: .adapter(.scale),
      example: .init(
        "lora_unet_mid_block_attentions_0_proj_in.alpha", [], .f16,
        beside: ["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"])),
  ]
}
