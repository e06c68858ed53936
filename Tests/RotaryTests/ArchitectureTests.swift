import Base
import Models
import Rotary
import TensorCore
import TestSupport
import Testing

/// A configuration in the style of a published model, and what transformers 5.24 computes for it.
struct GoldenModel: Sendable, CustomTestStringConvertible {
  let name: String
  let config: JSONObject
  /// The values for each kind of layers, `all` if they are alike; nil for a model without rotary embeddings.
  let reference: JSONObject?
  var testDescription: String { name }

  static let all: [GoldenModel] = {
    guard let text = try? Fixtures.bytes("rope/models.json"),
      let root = try? JSONValue.parse(text.span).asObject
    else { return [] }
    return root.compactMap { name, value in
      guard let config = value["config"]?.asObject else { return nil }
      return GoldenModel(name: name, config: config, reference: value["reference"]?.asObject)
    }
  }()
}

@Suite struct ArchitectureTests {
  @Test("the golden data has models with and without rotary embeddings") func count() {
    #expect(GoldenModel.all.count == 15)
    #expect(GoldenModel.all.count { $0.reference == nil } == 2)
  }

  @Test("frequencies of published models equal those of transformers", arguments: GoldenModel.all)
  func golden(golden: GoldenModel) throws {
    guard let reference = golden.reference else {
      #expect {
        _ = try RotaryConfig(golden.config)
      } throws: { error in
        (error as? RopeFault)?.isAbsence == true
      }
      return
    }
    let config = try RotaryConfig(golden.config)
    #expect(config.layers.count == reference.count && !config.isBaseAssumed)
    for (kind, wanted) in reference {
      let layer = config.layers.first { ($0.kind ?? "all") == kind }
      let found = try #require(layer).settings.frequencies()
      let inverse = wanted["inv_freq"]?.asArray?.compactMap(\.asDouble) ?? []
      #expect(found.inverse.count == inverse.count)
      for (a, b) in zip(found.inverse, inverse) { #expect(abs(a - b) <= 1e-6 * b, "\(a) \(b)") }
      let factor = try #require(wanted["attention_factor"]?.asDouble)
      #expect(abs(found.attentionFactor - factor) <= 1e-9)
    }
  }

  private static func settings(_ text: String) throws -> [RopeSettings] {
    let object = try #require(try JSONValue.parse(Array(text.utf8).span).asObject)
    return try RotaryConfig(object).layers.map(\.settings)
  }

  @Test(
    "keys of other names, and the defaults of the architecture",
    arguments: [
      // The base.
      (#""model_type": "gpt_neox", "rotary_emb_base": 500"#, 500, 16, 16),
      (#""model_type": "gpt_neox", "rotary_emb_base": 500, "rotary_pct": 1"#, 500, 64, 64),
      (#""model_type": "qwen", "kv_channels": 32, "rotary_emb_base": 20000"#, 20_000, 32, 32),
      (
        #""model_type": "nomic_bert", "rotary_emb_base": 1000, "rotary_emb_fraction": 0.5"#, 1000,
        32, 32
      ),
      (#""model_type": "nomic_bert""#, 1000, 64, 64),
      (#""model_type": "gpt_oss""#, 150_000, 64, 64), (#""model_type": "cohere""#, 500_000, 64, 64),
      (#""model_type": "chatglm", "rope_ratio": 500"#, 5_000_000, 64, 64),
      (#""model_type": "unknown", "rope_theta": 70"#, 70, 64, 64),
      (#""model_type": "llama""#, 10_000, 64, 64),
      // The share of a head.
      (#""model_type": "gptj", "rotary_dim": 16"#, 10_000, 16, 16),
      (#""model_type": "minimax_m2", "head_dim": 128, "rotary_dim": 64"#, 5_000_000, 64, 64),
      (#""model_type": "phi", "partial_rotary_factor": 0.25"#, 10_000, 16, 16),
      (#""model_type": "phi""#, 10_000, 32, 32), (#""model_type": "stablelm""#, 10_000, 16, 16),
      // The size of a head.
      (#""model_type": "gemma2""#, 10_000, 256, 256), (#""model_type": "qwen3""#, 10_000, 128, 128),
      (#""model_type": "glm", "head_dim": null"#, 10_000, 32, 32),
      (#""model_type": "deepseek_v2""#, 10_000, 64, 64),
      (#""model_type": "deepseek_v2", "head_dim": 192, "qk_rope_head_dim": 32"#, 10_000, 32, 32),
    ] as [(String, Double, Int, Int)])
  func aliases(members: String, theta: Double, rotated: Int, count: Int) throws {
    let found = try Self.settings(
      #"{"hidden_size": 512, "num_attention_heads": 8, "max_position_embeddings": 2048, \#(members)}"#
    )
    #expect(found[0].theta == theta && found[0].rotaryDim == rotated)
    #expect(try 2 * found[0].frequencies().inverse.count == count)
  }

  @Test("a text part may leave out everything that its architecture defines")
  func part() throws {
    let found = try Self.settings(
      #"{"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}}"#
    )
    #expect(found.map(\.theta) == [1_000_000, 10_000] && found.map(\.headDim) == [256, 256])
    #expect(found.map(\.typeName) == ["linear", "default"] && found[0].maximumLength == 131_072)
    let llava = try Self.settings(
      #"{"model_type": "llava", "text_config": {"model_type": "llama", "max_position_embeddings": 4096}}"#
    )
    #expect(llava[0].headDim == 128 && llava[0].maximumLength == 4096)
  }

  @Test("layers with a window have the settings of their architecture")
  func windows() throws {
    let sizes = #""hidden_size": 512, "num_attention_heads": 8, "max_position_embeddings": 2048"#
    let scaling = #""rope_scaling": {"rope_type": "linear", "factor": 2.0}"#
    let olmo = try Self.settings(
      #"{"model_type": "olmo3", "rope_theta": 7000, \#(sizes), \#(scaling)}"#)
    #expect(olmo.map(\.typeName) == ["linear", "default"] && olmo.map(\.theta) == [7000, 7000])
    let bert = try Self.settings(
      #"{"model_type": "modernbert", "local_rope_theta": 300, \#(sizes), \#(scaling)}"#)
    #expect(bert.map(\.typeName) == ["linear", "linear"] && bert.map(\.theta) == [160_000, 300])
    let gemma4 = try Self.settings(
      #"{"model_type": "gemma4_text", "head_dim": 256, \#(sizes), "rope_parameters": {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}}"#
    )
    #expect(gemma4.map(\.headDim) == [512, 256])
  }

  @Test(
    "layers without a rotary embedding are known",
    arguments: [
      (#""model_type": "smollm3", "num_hidden_layers": 36"#, .some(rotated: 27, total: 36)),
      (
        #""model_type": "smollm3", "num_hidden_layers": 9, "no_rope_layer_interval": 2"#,
        .some(rotated: 5, total: 9)
      ),
      (
        #""model_type": "smollm3", "num_hidden_layers": 4, "no_rope_layers": [1, 0, 1, 1, 0, 0]"#,
        .some(rotated: 3, total: 4)
      ),
      (#""model_type": "llama4_text", "num_hidden_layers": 3"#, nil),
      (
        #""model_type": "llama4_text", "num_hidden_layers": 48, "no_rope_layers": []"#,
        .some(rotated: 36, total: 48)
      ),
      (#""model_type": "own", "no_rope_layers": [true, false]"#, .some(rotated: 1, total: 2)),
      (#""model_type": "exaone4""#, .windows), (#""model_type": "afmoe""#, .windows),
      (#""model_type": "exaone4", "sliding_window": 4096"#, .windows),
      (#""model_type": "exaone4", "sliding_window": null"#, nil),
      (#""model_type": "cohere2", "sliding_window": null"#, .windows),
      (#""model_type": "llama", "num_hidden_layers": 32"#, nil),
    ] as [(String, RotatedLayers?)])
  func layers(members: String, expected: RotatedLayers?) throws {
    let found = try Self.settings(
      #"{"hidden_size": 512, "num_attention_heads": 8, "max_position_embeddings": 64, \#(members)}"#
    )
    #expect(found.map(\.layers) == [expected])
  }

  @Test(
    "lists of layers that cannot be read, or in which no layer rotates, are errors",
    arguments: [
      (#""no_rope_layers": [0, "x"]"#, "no_rope_layers is not a list of 0 and 1", false),
      (#""no_rope_layers": [0, 0]"#, "none of whose layers has a rotary embedding", true),
      (
        #""num_hidden_layers": 4, "no_rope_layer_interval": 0"#,
        "no_rope_layer_interval is not a whole number above 0", false
      ),
      (
        #""num_hidden_layers": 4, "no_rope_layer_interval": 1"#,
        "none of whose layers has a rotary embedding", true
      ),
    ])
  func faultyLayers(members: String, message: String, isAbsence: Bool) throws {
    let error = try #require(throws: RopeFault.self) {
      try Self.settings(#"{"head_dim": 64, "model_type": "smollm3", \#(members)}"#)
    }
    #expect(error.description.contains(message), "\(error)")
    #expect(error.isAbsence == isAbsence)
  }

  @Test("of a head with latent attention, one part rotates, and all scores have a factor")
  func latentAttention() throws {
    let found = try Self.settings(
      #"{"model_type": "deepseek_v3", "hidden_size": 7168, "num_attention_heads": 128, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "max_position_embeddings": 163840, "rope_scaling": {"type": "yarn", "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096}}"#
    )
    #expect(found[0].rotaryDim == 64 && found[0].plainDim == 128)
    #expect(try found[0].frequencies().attentionFactor == 1)
    let scores = try #require(YarnRope.scoreFactor(found[0]))
    #expect(abs(scores - 1.8738542) < 1e-6, "\(scores)")
    #expect(YarnRope.scoreFactor(found[0].unscaled) == nil)
  }

  @Test(
    "models without rotary embeddings are recognized, also by their settings",
    arguments: [
      (#""model_type": "gpt2""#, false), (#""model_type": "opt""#, false),
      (#""model_type": "falcon", "alibi": true"#, false), (#""model_type": "falcon""#, true),
      (#""model_type": "esm", "position_embedding_type": "absolute""#, false),
      (#""model_type": "esm", "position_embedding_type": "rotary""#, true),
      (#""model_type": "granitemoehybrid""#, false),
      (#""model_type": "granitemoehybrid", "position_embedding_type": "rope""#, true),
      (#""model_type": "own", "position_embedding_type": "alibi""#, false),
      (#""model_type": "own""#, true),
      (#""model_type": "nomic_bert", "position_embedding_type": "absolute""#, true),
    ])
  func rotation(members: String, rotates: Bool) throws {
    let object = try #require(try JSONValue.parse(Array("{\(members)}".utf8).span).asObject)
    #expect(try ModelConfiguration(object).hasRotaryEmbeddings == rotates)
  }

  @Test("a base that nothing states is assumed, and that is known")
  func assumed() throws {
    func isAssumed(_ members: String) throws -> Bool {
      let text = "{\"head_dim\": 64, \(members)}"
      return try RotaryConfig(#require(JSONValue.parse(Array(text.utf8).span).asObject))
        .isBaseAssumed
    }
    #expect(try isAssumed(#""model_type": "own""#))
    #expect(try !isAssumed(#""model_type": "llama""#))
    #expect(try !isAssumed(#""model_type": "own", "rope_theta": 10000"#))
    #expect(try !isAssumed(#""model_type": "own", "rope_parameters": {"rope_theta": 10000}"#))
  }

  @Test("the part of a model has the architecture of the model")
  func named() throws {
    for name in ["llama", "gemma3_text", "mllama_text_model", "qwen2_vl", "qwen2_vl_text"] {
      #expect(RotaryArchitecture.named(name) != nil, "\(name)")
    }
    #expect(RotaryArchitecture.named("bert") == nil && RotaryArchitecture.named("bloom") == nil)
  }

  @Test(
    "two forms of the parameters must agree",
    arguments: [("2.0", true), ("4.0", false)])
  func bothForms(factor: String, agrees: Bool) throws {
    let text = """
      {"head_dim": 64, "max_position_embeddings": 256, "rope_scaling": {"rope_type": "linear", "factor": 2.0},
       "rope_parameters": {"rope_type": "linear", "factor": \(factor), "rope_theta": 10000.0}}
      """
    let object = try #require(JSONValue.parse(Array(text.utf8).span).asObject)
    let config = try? RotaryConfig(object)
    #expect((config != nil) == agrees)
  }
}
