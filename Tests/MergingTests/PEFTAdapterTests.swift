import Base
import Checkpoints
import Merging
import Models
import TensorCore
import TestSupport
import Testing

/// Tests the layouts of PEFT, and the changes that they make, on values that can be computed by hand.
@Suite struct PEFTAdapterTests: AdapterSamples {
  // MARK: Configuration

  @Test(
    "adapters whose initialization changed the base are refused by name",
    arguments: ["pissa", "pissa_niter_4", "PiSSA", "olora", "corda", "loftq", "lora_ga"])
  func alteringInitialization(name: String) {
    #expect {
      _ = try Self.adapter(
        Self.factors("base_model.model.x"), #", "init_lora_weights": "\#(name)""#)
    } throws: { Self.holds($0, "'\(name.lowercased())', which changed the weights of the base") }
  }

  @Test(
    "initializations that keep the base are read",
    arguments: ["true", "false", "null", #""gaussian""#, #""eva""#, #""orthogonal""#])
  func plainInitialization(value: String) throws {
    let vector = try Self.adapter(
      Self.factors("base_model.model.x"), #", "init_lora_weights": \#(value)"#)
    #expect(vector.tensors.count == 1)
  }

  @Test(
    "patterns that are not supported are refused by name, and hostile ones end",
    arguments: [
      (#"(?=x)y"#, "a lookahead is not supported"), (#"\bx\b"#, "a word boundary"), ("(.*)*x", nil),
    ] as [(String, String?)])
  func patterns(pattern: String, reason: String?) throws {
    let text = pattern.replacing(#"\"#, with: #"\\"#)
    let factors = try Self.factors("base_model.model." + String(repeating: "a", count: 2000))
    do {
      let vector = try Self.adapter(factors, #", "rank_pattern": {"\#(text)": 1}"#)
      #expect(reason == nil && vector.tensors.count == 1)
    } catch {
      #expect(Self.holds(error, try #require(reason)))
    }
  }

  // MARK: PEFT

  @Test("a saved embedding with more tokens replaces that of the base before its factors are added")
  func largerVocabulary() throws {
    let name = "base_model.model.model.embed_tokens"
    let vector = try Self.adapter([
      .floats(name + ".base_layer.weight", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
      .floats(name + ".lora_embedding_A", [1, 4], [1, 0, 0, 2]),
      .floats(name + ".lora_embedding_B", [2, 1], [10, 20]),
    ])
    let base = try Self.base(
      [.floats("model.embed_tokens.weight", [3, 2], [9, 9, 9, 9, 9, 9])],
      config: #"{"vocab_size": 3}"#)
    #expect(VectorApplication(base: base, vectors: [(vector, 1)]).notes.count == 1)
    let applied = try Self.applied(vector, to: base)
    #expect(
      try Self.values("model.embed_tokens.weight", of: applied) == [11, 22, 3, 4, 5, 6, 27, 48])
    #expect(try Self.text("config.json", of: applied) == #"{"vocab_size": 4}"#)
  }

  @Test("the frozen original of a saved module is ignored")
  func originalModule() throws {
    let name = "base_model.model.model.embed_tokens."
    let vector = try Self.adapter([
      .floats(name + "original_module.weight", [1, 2], [7, 7]),
      .floats(name + "modules_to_save.weight", [1, 2], [1, 2]),
    ])
    let base = try Self.base([.floats("model.embed_tokens.weight", [1, 2], [9, 9])])
    let applied = try Self.applied(vector, to: base)
    #expect(try Self.values("model.embed_tokens.weight", of: applied) == [1, 2])
  }

  @Test(
    "a change of a tied output layer unties it",
    arguments: [#"{"tie_word_embeddings": true}"#, "{}"])
  func tiedOutput(config: String) throws {
    let vector = try Self.adapter(Self.factors("base_model.model.lm_head"))
    let base = try Self.base(
      [.floats("model.embed_tokens.weight", [2, 2], [1, 2, 3, 4])], config: config)
    let application = VectorApplication(base: base, vectors: [(vector, 1)])
    #expect(application.errors.isEmpty && application.notes.count == 1)
    let applied = try application.applied()
    #expect(try Self.values("model.embed_tokens.weight", of: applied) == [1, 2, 3, 4])
    #expect(try Self.values("lm_head.weight", of: applied) == [2, 4, 6, 10])
    let text = try Self.text("config.json", of: applied)
    #expect(text.contains(#""tie_word_embeddings": false"#))
  }

  @Test(
    "a tied output layer with a tensor of its own is untied too",
    arguments: [nil, "embed", "output"] as [String?])
  func tiedTensors(alias: String?) throws {
    let vector = try Self.adapter(Self.factors("base_model.model.lm_head"))
    var base = try Self.base(
      [
        .floats("model.embed_tokens.weight", [2, 2], [1, 2, 3, 4]),
        .floats("lm_head.weight", [2, 2], [1, 2, 3, 4]),
      ], config: #"{"tie_word_embeddings": true}"#)
    if alias == "embed" { base.tensors[0].aliasOf = "lm_head.weight" }
    if alias == "output" { base.tensors[1].aliasOf = "model.embed_tokens.weight" }
    let applied = try Self.applied(vector, to: base)
    #expect(!applied.hasAliases)
    #expect(try Self.values("model.embed_tokens.weight", of: applied) == [1, 2, 3, 4])
    #expect(try Self.values("lm_head.weight", of: applied) == [2, 4, 6, 10])
    let text = try Self.text("config.json", of: applied)
    #expect(text == #"{"tie_word_embeddings": false}"#)
  }

  @Test("DoRA scales the rows of the sum to the stored magnitudes")
  func dora() throws {
    let name = "base_model.model.x"
    let vector = try Self.adapter(
      [
        .floats(name + ".lora_A.weight", [1, 2], [1, 0]),
        .floats(name + ".lora_B.weight", [2, 1], [0, 3]),
        .floats(name + ".lora_magnitude_vector.weight", [2], [6, 10]),
      ], #", "use_dora": true"#)
    let base = try Self.base([.floats("x.weight", [2, 2], [3, 0, 0, 4])])
    let whole = try Self.applied(vector, to: base)
    #expect(try Self.values("x.weight", of: whole) == [6, 0, 6, 8])
    let half = try Self.applied(vector, to: base, scale: 0.5)
    #expect(try Self.values("x.weight", of: half) == [4.5, 0, 3, 6])
    #expect(!VectorSum(vectors: [(vector, -1)]).errors.isEmpty)
  }

  @Test("the bias of a factor is multiplied by the scale and added to the module's bias")
  func factorBias() throws {
    let name = "base_model.model.x"
    let vector = try Self.adapter(
      Self.factors(name) + [LazyTensor.floats(name + ".lora_B.bias", [2], [1, 2])],
      #", "lora_bias": true, "alpha_pattern": {"x": 2}"#)
    let base = try Self.base([
      .floats("x.weight", [2, 2], [0, 0, 0, 0]), .floats("x.bias", [2], [1, 1]),
    ])
    let applied = try Self.applied(vector, to: base)
    #expect(try Self.values("x.bias", of: applied) == [3, 5])
    #expect(try Self.values("x.weight", of: applied) == [2, 4, 6, 12])
  }

  @Test(
    "tokens that were trained alone replace rows",
    arguments: ["[2, 0]", #"{"embed_tokens": [2, 0]}"#])
  func trainedTokens(indices: String) throws {
    let name = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"
    let vector = try Self.adapter(
      [.floats(name, [2, 2], [1, 2, 3, 4])], #", "trainable_token_indices": \#(indices)"#)
    let base = try Self.base([.floats("model.embed_tokens.weight", [3, 2], [9, 8, 7, 6, 5, 4])])
    let applied = try Self.applied(vector, to: base)
    #expect(try Self.values("model.embed_tokens.weight", of: applied) == [3, 4, 7, 6, 1, 2])
    let small = try Self.base([.floats("model.embed_tokens.weight", [2, 2], [9, 8, 7, 6])])
    #expect(!VectorApplication(base: small, vectors: [(vector, 1)]).errors.isEmpty)
  }

  // MARK: Experts

  @Test("nested factors of experts belong to the parameters that their shapes fit")
  func experts() throws {
    let name = "base_model.model.m.mlp.experts."
    let vector = try Self.adapter(
      [
        .floats(name + "base_layer.lora_A.weight", [2, 2], [1, 2, 3, 4]),
        .floats(name + "base_layer.lora_B.weight", [4, 2], [1, 10, 2, 20, 3, 30, 4, 40]),
        .floats(name + "lora_A.weight", [2, 2], [1, 2, 3, 4]),
        .floats(name + "lora_B.weight", [2, 2], [1, 10, 2, 20]),
      ],
      #", "target_parameters": ["mlp.experts.down_proj", "mlp.experts.gate_up_proj"]"#)
    let base = try Self.base([
      .floats("m.mlp.experts.down_proj", [2, 2, 2], Array(repeating: 0, count: 8)),
      .floats("m.mlp.experts.gate_up_proj", [2, 2, 4], Array(repeating: 0, count: 16)),
    ])
    let applied = try Self.applied(vector, to: base)
    #expect(
      try Self.values("m.mlp.experts.gate_up_proj", of: applied)
        == [1, 2, 3, 4, 2, 4, 6, 8, 30, 60, 90, 120, 40, 80, 120, 160])
    // The order of inputs and outputs of a square matrix is that of the other parameter.
    #expect(
      try Self.values("m.mlp.experts.down_proj", of: applied) == [1, 2, 2, 4, 30, 60, 40, 80])
  }

  @Test("matrices of experts may be stored with outputs first, and have ranks above 1")
  func expertOrders() throws {
    let name = "base_model.model.x.experts."
    let factors: [LazyTensor] = [
      try .floats(name + "lora_A.weight", [4, 1], [1, 2, 3, 4]),
      try .floats(
        name + "lora_B.weight", [2, 4], [1, 10, 100, 1000, 2, 20, 200, 2000]),
    ]
    let vector = try Self.adapter(
      factors,
      #", "target_parameters": ["experts.w"], "rank_pattern": {"w": 2}, "alpha_pattern": {"w": 2}"#)
    for shape in [[2, 1, 2], [2, 2, 1]] {
      let base = try Self.base([.floats("x.experts.w", shape, [0, 0, 0, 0])])
      let applied = try Self.applied(vector, to: base)
      #expect(try Self.values("x.experts.w", of: applied) == [201, 402, 4030, 8060])
    }
  }

  // MARK: Values

  @Test(
    "a value that is not finite is an error that names the adapter and the tensor",
    arguments: [Float.nan, .infinity])
  func nonfinite(value: Float) throws {
    let name = "base_model.model.x"
    let vector = try Self.adapter([
      .floats(name + ".lora_A.weight", [1, 2], [1, value]),
      .floats(name + ".lora_B.weight", [2, 1], [1, 2]),
    ])
    #expect {
      _ = try VectorCheck(vector).run(engine: .test())
    } throws: { Self.holds($0, "adapter: tensor '\(name).lora_A.weight': value 1 is") }
  }

  @Test("an adapter that adds only zeros is a warning")
  func unchanging() throws {
    let name = "base_model.model.x"
    let vector = try Self.adapter([
      .floats(name + ".lora_A.weight", [1, 2], [1, 2]),
      .floats(name + ".lora_B.weight", [2, 1], [0, -0.0]),
    ])
    #expect(try VectorCheck(vector).run(engine: .test()).count == 1)
    let other = try Self.adapter(Self.factors(name))
    #expect(try VectorCheck(other).run(engine: .test()).isEmpty)
    let base = try Self.base([.floats("x.weight", [2, 2], [0, 0, 0, 0])])
    #expect(VectorApplication(base: base, vectors: [(other, 0)]).notes.count == 1)
    let empty = try Self.adapter([])
    #expect(VectorApplication(base: base, vectors: [(empty, 1)]).notes.count == 1)
  }

  @Test("a sum that is too large for F16 is an error, not an infinity")
  func overflow() throws {
    let vector = try Self.adapter([
      .floats("base_model.model.x.lora_A.weight", [1, 1], [100]),
      .floats("base_model.model.x.lora_B.weight", [1, 1], [100]),
    ])
    let base = try Cast(to: .f16).applied(to: Self.base([.floats("x.weight", [1, 1], [60000])]))
    let applied = try VectorApplication(base: base, vectors: [(vector, 1)]).applied()
    #expect { _ = try applied.tensors[0].bytes() } throws: { Self.holds($0, "too large for F16") }
    let wide = try VectorApplication(base: base, vectors: [(vector, 1)]).applied(dtype: .f32)
    #expect(try Self.values("x.weight", of: wide) == [70000])
  }
}
