import Base
import Checkpoints
import Merging
import Models
import Recipes
import TensorCore
import TestSupport
import Testing

/// Tests that models whose configurations or tokenizers differ are not merged by accident.
@Suite struct CompatibilityTests {
  private static func model(
    _ name: String, config: String?, tokenizer: String? = nil
  ) throws -> Checkpoint {
    var checkpoint = Checkpoint(
      path: name, container: .memory, tensors: [try .floats("w.weight", [1, 2], [1, 2])],
      identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    if let config {
      checkpoint = try checkpoint.replacingCompanion(ModelConfig.name, with: Array(config.utf8))
    }
    if let tokenizer {
      checkpoint = try checkpoint.replacingCompanion("tokenizer.json", with: Array(tokenizer.utf8))
    }
    return checkpoint
  }

  private static func merging(
    _ models: [Checkpoint], recipe: String = "", allowsMismatch: Bool = false
  ) throws -> Merging {
    let text = "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 1}\n\(recipe)"
    return try Merging(
      MergeRecipeReader.recipe(RecipeFile.parse(text, path: "r.yaml"), path: "r.yaml"),
      models: Dictionary(uniqueKeysWithValues: models.map { ($0.path, $0) }),
      options: MergeOptions(allowsConfigMismatch: allowsMismatch))
  }

  private static func config(_ other: String) -> String {
    #"{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "rope_theta": 10000, "#
      + #""hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": null"#
      + (other.isEmpty ? "}" : ", \(other)}")
  }

  private static let rotary =
    #"{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "#

  @Test(
    "settings that change what tensors mean are errors, all together",
    arguments: [
      (
        #"{"model_type": "gemma", "hidden_size": 64, "num_attention_heads": 8, "#
          + #""rope_theta": 500000, "hidden_act": "gelu", "bos_token_id": 0, "eos_token_id": [7, 8]}"#,
        [
          "model_type gemma instead of llama", "attention heads 8 instead of 4",
          "key and value heads 8 instead of 4", "head dimensions 8 instead of 16",
          "activation gelu instead of silu",
          "default with base 500000.0 instead of default with base 10000.0",
          "bos_token_id 0 instead of 1", "eos_token_id [7, 8] instead of 2",
        ]
      ),
      (
        config(#""rope_scaling": {"rope_type": "linear", "factor": 2}"#),
        ["linear with base 10000.0, factor 2.0 instead of default with base 10000.0"]
      ),
      (config(#""num_key_value_heads": 2"#), ["key and value heads 2 instead of 4"]),
    ] as [(String, [String])])
  func differences(config: String, reasons: [String]) throws {
    let models = [
      try Self.model("a", config: Self.config("")), try Self.model("b", config: config),
    ]
    let refused = try Self.merging(models)
    #expect(refused.errors.count == 1)
    let error = try #require(refused.errors.first)
    for reason in reasons {
      #expect(error.description.contains(reason), "\(reason) in \(error.description)")
    }
    #expect(error.hint?.text(.commandLine).contains("--allow-config-mismatch") == true)
    let allowed = try Self.merging(models, allowsMismatch: true)
    #expect(allowed.errors.isEmpty)
    #expect(allowed.notes.contains { $0.contains(reasons[0]) })
  }

  @Test(
    "the same settings in other words are equal",
    arguments: [
      config(""), config(#""num_key_value_heads": 4, "head_dim": 16"#),
      config(#""pad_token_id_unused": 3, "max_position_embeddings": 99"#),
      rotary + #""rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}"#,
      rotary + #""hidden_act": "swish", "rope_scaling": null}"#,
      rotary + #""rope_scaling": {"type": "linear", "factor": 1.0}}"#,
    ])
  func equal(config: String) throws {
    let merging = try Self.merging([
      Self.model("a", config: Self.config("")), Self.model("b", config: config),
    ])
    #expect(merging.errors.isEmpty, "\(merging.errors)")
    #expect(merging.notes.isEmpty, "\(merging.notes)")
  }

  @Test(
    "additional ends of text and another epsilon are notes, and a missing configuration is fine")
  func notes() throws {
    let base = try Self.model("a", config: Self.config(#""rms_norm_eps": 1e-5"#))
    let tuned = try Self.model(
      "b",
      config: Self.rotary + #""eos_token_id": [2, 9], "rms_norm_eps": 1e-6}"#)
    let merging = try Self.merging([base, tuned])
    #expect(merging.errors.isEmpty)
    #expect(merging.notes.contains { $0.contains("eos_token_id [2, 9] instead of 2") })
    #expect(merging.notes.contains { $0.contains("epsilon of the norms 1e-06 instead of 1e-05") })
    let bare = try Self.merging([base, Self.model("b", config: nil)])
    #expect(bare.errors.isEmpty && bare.notes.isEmpty)
  }

  @Test(
    "a configuration that cannot be read is an error, unless mismatches are allowed",
    arguments: [
      ("{", "is not valid JSON (byte 1"), ("[1]", "is not a JSON object"),
      (String(repeating: " ", count: ModelConfig.maximumByteCount + 1), "is larger than 16 MiB"),
    ], ["a", "b"])
  func unreadable(file: (text: String, reason: String), broken: String) throws {
    let models = try ["a", "b"].map {
      try Self.model($0, config: $0 == broken ? file.text : Self.config(""))
    }
    let refused = try Self.merging(models)
    #expect(refused.errors.count == 1 && refused.notes.isEmpty)
    let text = refused.errors.first?.description ?? ""
    #expect(
      text.contains("\(broken): its configuration cannot be compared: config.json \(file.reason)"),
      "\(text)")
    let allowed = try Self.merging(models, allowsMismatch: true)
    #expect(allowed.errors.isEmpty && allowed.notes.count == 1)
    #expect(allowed.notes.first?.contains("cannot be compared") == true)
  }

  private static let tokenizer =
    #"{"added_tokens": [{"id": 2, "content": "</s>"}], "model": {"vocab": {"a": 0, "b": 1}}}"#

  @Test(
    "tokenizers are compared by the token of each id",
    arguments: [
      (tokenizer, nil, nil),
      // The same vocabulary as a list with scores, in other words.
      (
        #"{"version": "1", "model": {"merges": ["x"], "vocab": [["a", 0], ["b", -1.5], ["</s>", 0]]}}"#,
        nil, nil
      ),
      (
        #"{"model": {"vocab": {"b": 0, "a": 1}}}"#,
        "b: its tokenizer differs from that of a: token 0 is 'b' instead of 'a', and 1 more differ",
        nil
      ),
      (
        #"{"added_tokens": [{"id": 2, "content": "<eot>"}], "model": {"vocab": {"a": 0, "b": 1}}}"#,
        "token 2 is '<eot>' instead of '</s>'", nil
      ),
      (
        #"{"added_tokens": [{"id": 3, "content": "x"}], "model": {"vocab": {"a": 0, "b": 1}}}"#,
        nil,
        "has 1 more token and lacks 1 token"
      ),
      ("[]", "tokenizer.json has other bytes", nil),
    ] as [(String, String?, String?)])
  func tokenizers(other: String, error: String?, note: String?) throws {
    let models = [
      try Self.model("a", config: nil, tokenizer: Self.tokenizer),
      try Self.model("b", config: nil, tokenizer: other),
    ]
    let merging = try Self.merging(models)
    #expect(merging.errors.count == (error == nil ? 0 : 1))
    #expect(merging.errors.first?.description.contains(error ?? "") ?? (error == nil))
    #expect(merging.notes.count == (note == nil ? 0 : 1))
    #expect(merging.notes.first?.contains(note ?? "") ?? (note == nil))
    let allowed = try Self.merging(models, allowsMismatch: true)
    #expect(allowed.errors.isEmpty)
    #expect(allowed.notes.count == (error == nil && note == nil ? 0 : 1))
  }

  @Test("tokenizers can be combined only if they are equal", arguments: ["union", "b"])
  func union(source: String) throws {
    let recipe = "tokenizer_source: \(source)"
    let a = try Self.model("a", config: nil, tokenizer: Self.tokenizer)
    let same = try Self.merging(
      [a, Self.model("b", config: nil, tokenizer: Self.tokenizer + " ")], recipe: recipe)
    #expect(same.errors.isEmpty && same.notes.isEmpty)
    let other = try Self.merging(
      [a, Self.model("b", config: nil, tokenizer: #"{"model": {"vocab": {"a": 0}}}"#)],
      recipe: recipe, allowsMismatch: true)
    #expect(other.errors.count == 1)
    #expect(other.errors.first?.description.contains("lacks 2 tokens") == true)
  }
}
