import TensorCore

/// Rules for the parameters and buffers of unquantized models.
extension RoleRules {
  /// Rules for values that are not trained.
  static let buffers: [RoleRule] = [
    RoleRule(
      .leaf([
        "inv_freq", "original_inv_freq", "freqs_cis", "freqs_cos", "freqs_sin", "cos_cached",
        "sin_cached",
      ]), is: .buffer,
      example: .init("model.layers.0.self_attn.rotary_emb.inv_freq", [64], .f32)),
    RoleRule(
      .module(["rope_freqs", "rope_factors_long", "rope_factors_short"]), is: .buffer,
      example: .init("rope_freqs.weight", [64], .f32)),
    RoleRule(
      .leaf([
        "position_ids", "token_type_ids", "num_batches_tracked", "relative_position_index",
        "num_updates", "_extra_state",
      ]), is: .buffer,
      example: .init("bert.embeddings.position_ids", [1, 512], .i64)),
    RoleRule(
      .leaf(["running_mean", "running_var", "cluster_size", "embed_avg", "logvar"]), is: .buffer,
      example: .init("layer1.0.bn1.running_var", [64], .f32)),
    RoleRule(
      .leaf(["bias", "mask", "attn_mask", "causal_mask", "tril", "triu"]), form: .mask,
      is: .buffer, example: .init("h.0.attn.bias", [1, 1, 1024, 1024], .f32)),
    RoleRule(
      .leaf(["attn_mask", "causal_mask", "attention_mask"]), is: .buffer,
      example: .init("layers.0.blocks.1.attn_mask", [64, 49, 49], .f32)),
    RoleRule(
      .leaf(["masked_bias", "alibi", "mel_filters", "relative_coords_table"]), is: .buffer,
      example: .init("h.0.attn.masked_bias", [], .f32)),
    RoleRule(
      .leafPrefix([
        "alphas_cumprod", "sqrt_alphas", "sqrt_one_minus", "sqrt_recip", "log_one_minus",
        "posterior_",
      ]), form: .vector, is: .buffer,
      example: .init("sqrt_one_minus_alphas_cumprod", [1000], .f32)),
    RoleRule(
      .leaf(["betas", "sigmas", "log_sigmas"]), form: .vector, is: .buffer,
      example: .init("model_sampling.sigmas", [1000], .f32)),
  ]

  /// Rules for biases, gains, and other parameters that are applied to each value separately.
  static let vectors: [RoleRule] = [
    RoleRule(
      .leaf(["bias"]), is: .bias,
      example: .init("model.layers.0.self_attn.q_proj.bias", [4096])),
    RoleRule(
      .leafSuffix(["_bias"]), is: .bias,
      example: .init("model.layers.0.mlp.experts.gate_up_proj_bias", [32, 5760])),
    RoleRule(
      .leafPrefix(["bias_", "pos_bias_"]), is: .bias, example: .init("rnn.bias_ih_l0", [2048])),
    RoleRule(
      .leaf(["beta"]), form: .rank(0...1), is: .bias,
      example: .init("bert.embeddings.LayerNorm.beta", [768], .f32)),
    RoleRule(
      .leaf(["weight_g", "original0"]), is: .norm,
      example: .init(
        "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original0", [1, 1, 128],
        .f32)),
    RoleRule(
      .module(["q_norm", "k_norm", "query_norm", "key_norm", "norm_q", "norm_k"]),
      form: .rank(0...2), is: .norm,
      example: .init("model.layers.0.self_attn.q_norm.weight", [96, 128])),
    RoleRule(
      .leaf([
        "a_log", "scale_shift_table", "time_decay", "time_first", "time_faaaa", "bonus", "ssm_a",
        "logit_scale", "logits_scale",
      ]), is: .elementwise, example: .init("backbone.layers.0.mixer.A_log", [5120, 16], .f32)),
    RoleRule(
      .leafPrefix([
        "time_mix", "time_maa", "layer_scale", "layerscale", "lambda", "per_dim_scale", "x_",
      ]), form: .vector, is: .elementwise,
      example: .init("rwkv.blocks.0.attention.time_mix_key", [1, 1, 2048])),
    RoleRule(
      .leaf([
        "d", "dt", "sinks", "temperature", "gate", "attn_gate", "gate_attn", "gate_ffw",
        "per_expert_scale", "layer_scalar", "alpha", "weighted_sum_gate",
      ]), form: .vector, is: .elementwise,
      example: .init("backbone.layers.0.mixer.D", [5120], .f32)),
    RoleRule(
      .leaf(["gamma"]), .wordContaining(["norm"]), form: .rank(0...1), is: .norm,
      example: .init("bert.embeddings.LayerNorm.gamma", [768], .f32)),
    RoleRule(
      .leaf(["gamma", "gamma_1", "gamma_2"]), form: .rank(0...1), is: .elementwise,
      example: .init("stages.0.blocks.0.gamma", [96], .f32)),
    RoleRule(
      .module([
        "class_embedding", "cls_token", "mask_token", "image_newline", "view_seperator",
        "masked_spec_embed",
      ]), form: .vector, is: .embedding,
      example: .init("vision_model.embeddings.class_embedding", [1024])),
    RoleRule(
      .leaf(["weight", "scale", "g"]), form: .rank(0...1), is: .norm,
      example: .init("model.layers.0.input_layernorm.weight", [4096])),
  ]

  /// Rules for tables of vectors.
  static let embeddings: [RoleRule] = [
    RoleRule(
      .module([
        "embed_tokens", "embed_positions", "embed_in", "wte", "wpe", "tok_embeddings", "embeddings",
        "emb", "shared", "token_embd", "position_embd", "token_types", "embedding_table",
        "codebook", "embed", "embedding", "relative_attention_bias", "query_embed",
      ]), form: .rank(2...3), values: .floats, is: .embedding,
      example: .init("model.embed_tokens.weight", [128_256, 4096])),
    RoleRule(
      .leaf(["embedding"]), form: .rank(2...3), values: .floats, is: .embedding,
      example: .init("params/token_embedder/embedding", [32128, 768], .f32)),
    RoleRule(
      .moduleSuffix(["_embedding", "_embeddings"]), form: .rank(1...3), values: .floats,
      is: .embedding, example: .init("bert.embeddings.word_embeddings.weight", [30522, 768], .f32)),
    RoleRule(
      .module([
        "pos_embed", "positional_embedding_vlm", "relative_position_bias_table",
        "dist_token", "class_token", "cls_token", "mask_token", "register_tokens", "query_tokens",
        "latents", "probe", "rel_pos_h", "rel_pos_w",
      ]), values: .floats, is: .embedding,
      example: .init("image_encoder.pos_embed", [1, 64, 64, 1280], .f32)),
  ]

  /// Rules for tensors that multiply activations: all other float tensors with two or more dimensions.
  static let products: [RoleRule] = [
    RoleRule(
      .wordContaining(["expert", "switch_mlp", "_exps"]), form: .rank(3...4), values: .floats,
      decidedAs: .experts,
      example: .init("model.layers.0.mlp.experts.gate_up_proj", [32, 2880, 5760])),
    RoleRule(
      .word(["moe", "block_sparse_moe"]), form: .rank(3...4), values: .floats, decidedAs: .experts,
      example: .init("model.layers.0.block_sparse_moe.input_linear.weight", [40, 1024, 1536])),
    RoleRule(
      .leaf(["text_projection"]), form: .rank(2...2), values: .floats, is: .matrix(.first),
      example: .init("text_projection", [512, 768], .f16)),
    RoleRule(
      .suffix(["visual.proj"]), form: .rank(2...2), values: .floats, is: .matrix(.first),
      example: .init("visual.proj", [768, 512], .f16)),
    RoleRule(
      .leaf(["kernel"]), .module(["query", "key", "value", "q", "k", "v", "qkv"]),
      form: .rank(3...3), values: .floats, is: .matrix(.first),
      example: .init("encoder/layers_0/attention/query/kernel", [768, 12, 64], .f32)),
    RoleRule(
      .leaf(["kernel"]), .module(["out", "o"]), form: .rank(3...3), values: .floats,
      is: .matrix(.allButLast),
      example: .init("encoder/layers_0/attention/out/kernel", [12, 64, 768], .f32)),
    RoleRule(
      .leaf(["kernel"]), form: .rank(2...2), values: .floats, is: .matrix(.first),
      example: .init("encoder/layers_0/mlp/wi/kernel", [768, 3072], .f32)),
    RoleRule(
      .leaf(["kernel"]), form: .rank(3...6), values: .floats, is: .convolution(.allButLast),
      example: .init("stem/conv_init/kernel", [7, 7, 3, 64], .f32)),
    RoleRule(
      .any, form: .rank(4...Shape.maximumRank), values: .floats, is: .convolution(.allButFirst),
      example: .init("conv1.weight", [64, 3, 7, 7], .f32)),
    RoleRule(
      .wordContaining(["conv"]), form: .rank(3...3), values: .floats,
      is: .convolution(.allButFirst),
      example: .init(
        "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original1", [768, 48, 128],
        .f32)),
    RoleRule(
      .leaf(["weight", "weight_v", "original1", "original"]), form: .shortLast, values: .floats,
      is: .convolution(.allButFirst), example: .init("ups.0.weight_v", [512, 256, 16], .f32)),
    RoleRule(
      .any, form: .rank(3...3), values: .floats, decidedAs: .experts,
      example: .init("decoder.stack.ffn.w1", [24, 4096, 1024])),
    RoleRule(
      .module(["c_attn", "c_proj", "c_fc", "q_attn"]), .suffix(["weight"]), form: .rank(2...2),
      values: .floats, decidedAs: .productOfEitherOrder,
      example: .init("h.0.attn.c_attn.weight", [768, 2304], .f32)),
    RoleRule(
      .any, form: .rank(2...2), values: .floats, is: .matrix(.last),
      example: .init("model.layers.0.self_attn.q_proj.weight", [4096, 4096])),
  ]
}
