import Base
import Rotary
import RotaryScaling
import TensorCore
import TestSupport
import Testing

/// Tests of a scaling on top of one that the model was trained with.
@Suite struct RopeCompositionTests {
  /// Returns the new configuration, the settings of its first layers before and after, and the notes.
  private static func scaled(
    _ config: String, _ method: RopeMethod, _ target: RopeRequest.Target,
    parameters: [(key: String, value: Double)] = []
  ) throws -> (root: JSONObject, before: RopeSettings, after: RopeSettings, codes: [String]) {
    let folder = try TemporaryFolder()
    try folder.write(Array(config.utf8), to: "config.json")
    let scaling = try RopeScaling(
      RopeModel(folder["config.json"]),
      RopeRequest(method: method, target: target, parameters: parameters))
    let text = try scaling.configText()
    let root = try #require(try JSONValue.parse(text.span).asObject)
    let after = try RotaryConfig(root).layers[0].settings
    return (root, scaling.before, after, scaling.notes.map(\.code))
  }

  private static func published(_ name: String) throws -> String {
    let golden = try #require(GoldenModel.all.first { $0.name == name })
    return JSONValue.object(golden.config).serialized(indented: true)
  }

  /// Gemma 3 27B, whose layers that see all positions were trained with a factor of 8.
  private static let gemma = """
    {
      "model_type": "gemma3",
      "text_config": {
        "model_type": "gemma3_text", "head_dim": 128, "hidden_size": 5376, "num_attention_heads": 32,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"}
      }
    }
    """

  @Test("the factor of a linear scaling is multiplied")
  func linear() throws {
    let found = try Self.scaled(Self.gemma, .pi, .factor(2))
    let part = try #require(found.root["text_config"])
    #expect(part["rope_scaling"] == ["factor": 16.0, "rope_type": "linear"])
    #expect(part["max_position_embeddings"]?.asInt == 262_144 && part["rope_theta"] == nil)
    #expect(found.codes == ["composed linear 131072"])
    let context = try Self.scaled(Self.gemma, .pi, .context(262_144))
    #expect(context.root == found.root)
    let base = try Self.scaled(Self.gemma, .ntk, .factor(2))
    #expect(base.root["text_config"]?["rope_scaling"] == ["factor": 8.0, "rope_type": "linear"])
    let theta = try #require(base.root["text_config"]?["rope_theta"]?.asDouble)
    #expect(abs(theta / (1e6 * power(2, 128.0 / 126)) - 1) < 1e-12)
  }

  @Test(
    "the factor of the same type grows, and its other keys stay",
    arguments: [
      ("deepseek-v3", RopeMethod.yarn, 80, 327_680), ("gpt-oss-20b", .yarn, 64, 262_144),
      ("qwen3-yarn", .yarn, 8, 262_144), ("llama31-8b", .llama3, 16, 262_144),
      ("llama4-scout", .llama3, 32, 20_971_520),
    ] as [(String, RopeMethod, Double, Int)])
  func sameType(name: String, method: RopeMethod, factor: Double, length: Int) throws {
    let config = try Self.published(name)
    let found = try Self.scaled(config, method, .factor(2))
    var values = found.before.values
    values["factor"] = JSONValue(factor)
    #expect(found.after.values == values && found.after.maximumLength == length)
    let layers = name == "llama4-scout" ? ["rotated-layers 36 48"] : []
    #expect(found.codes == layers + ["composed \(method.rawValue) \(length / 2)"])
  }

  @Test(
    "other methods are written as a factor for each pair, and both scalings apply",
    arguments: ["gemma", "llama31-8b", "qwen3-yarn", "phi3-128k"], [RopeMethod.pi, .ntk])
  func longRope(name: String, method: RopeMethod) throws {
    let config = name == "gemma" ? Self.gemma : try Self.published(name)
    let found = try Self.scaled(config, method, .factor(2))
    let dim = Double(found.before.rotaryDim)
    let original = found.before.originalLength ?? 0
    for length in [original, original + 1] {
      let (before, after) = (
        try found.before.frequencies(length: length), try found.after.frequencies(length: length)
      )
      for pair in before.inverse.indices {
        let slower = method == .pi ? 2 : power(2, 2 * Double(pair) / (dim - 2))
        #expect(abs(after.inverse[pair] * slower / before.inverse[pair] - 1) < 1e-6)
      }
      #expect(abs(after.attentionFactor - before.attentionFactor) < 1e-12)
    }
  }

  @Test("YaRN on top of a linear scaling counts rotations within the current length")
  func yarn() throws {
    let found = try Self.scaled(Self.gemma, .yarn, .factor(2))
    #expect(found.after.typeName == "longrope")
    #expect(found.codes == ["composed linear 131072", "as-longrope yarn linear"])
    let (before, after) = (try found.before.frequencies(), try found.after.frequencies())
    // A pair of frequency f rotates 131072 f / 2π times: kept above 32 times, halved below once.
    for (old, new) in zip(before.inverse, after.inverse) {
      let turns = 131_072 * old / (2 * Double.pi)
      let slower = old / new
      #expect(slower > 1 - 1e-6 && slower < 2 + 1e-6)
      if turns > 64 { #expect(abs(slower - 1) < 1e-6) }
      if turns < 0.5 { #expect(abs(slower - 2) < 1e-6) }
    }
    #expect(abs(after.attentionFactor - (0.1 * logarithm(2) + 1)) < 1e-12)
  }

  @Test("a stated attention factor stays unless another is given")
  func attention() throws {
    let config = try Self.published("qwen3-yarn").replacing(
      "\"factor\": 4.0", with: "\"factor\": 4.0, \"attention_factor\": 1.5")
    let kept = try Self.scaled(config, .yarn, .factor(2))
    #expect(kept.after.values["attention_factor"] == 1.5)
    #expect(kept.codes.contains("attention-stays 1.5"))
    let given = try Self.scaled(
      config, .yarn, .factor(2), parameters: [("attention_factor", 1.25)])
    #expect(given.after.values["attention_factor"] == 1.25 && given.codes.count == 1)
  }

  @Test("keys that no rope type has stay, and keys of the earlier type are named")
  func keys() throws {
    let vision = try Self.published("qwen2-vl")
    let yarn = try Self.scaled(vision, .yarn, .factor(4))
    #expect(
      yarn.root["rope_scaling"]
        == [
          "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768,
          "mrope_section": [16, 24, 24],
        ])
    let ntk = try Self.scaled(vision, .ntk, .factor(2))
    #expect(ntk.root["rope_scaling"] == ["type": "mrope", "mrope_section": [16, 24, 24]])
    #expect(try #require(ntk.root["rope_theta"]?.asDouble) > 2e6)
    // Newer files have the type under both keys.
    let both = try Self.scaled(
      vision.replacing(
        "\"type\": \"mrope\"", with: "\"rope_type\": \"default\", \"type\": \"default\""),
      .pi, .factor(2))
    #expect(
      both.root["rope_scaling"]
        == [
          "rope_type": "linear", "type": "linear", "factor": 2.0, "mrope_section": [16, 24, 24],
        ])
    let llama = try Self.scaled(try Self.published("llama31-8b"), .pi, .factor(2))
    #expect(llama.codes.last == "dropped low_freq_factor high_freq_factor")
  }

  @Test("the base is written under the key that the model reads")
  func baseKeys() throws {
    let pythia = try Self.scaled(try Self.published("pythia"), .ntk, .factor(2)).root
    let theta = try #require(pythia["rotary_emb_base"]?.asDouble)
    #expect(abs(theta / (10_000 * power(2, 16.0 / 14)) - 1) < 1e-12 && pythia["rope_theta"] == nil)
    let bert = try Self.scaled(try Self.published("modernbert"), .ntk, .factor(2)).root
    #expect(try #require(bert["global_rope_theta"]?.asDouble) > 320_000)
    #expect(bert["local_rope_theta"] == 10000.0 && bert["rope_theta"] == nil)
  }

  @Test(
    "scalings that have no result are refused",
    arguments: [
      ("gemma", RopeMethod.dynamic), ("gemma", .clex), ("modernbert", .pi), ("bert-norope", .pi),
    ])
  func refused(name: String, method: RopeMethod) throws {
    let config = name == "gemma" ? Self.gemma : try Self.published(name)
    #expect(throws: (any Error).self) { _ = try Self.scaled(config, method, .factor(2)) }
  }

  @Test("dynamic scaling leaves the trained length as it is and is replaced")
  func dynamic() throws {
    let config = """
      {"head_dim": 64, "max_position_embeddings": 256, "rope_theta": 10000.0,
       "rope_scaling": {"type": "dynamic", "factor": 4.0, "own": true}}
      """
    let found = try Self.scaled(config, .yarn, .factor(2))
    #expect(found.codes == ["replaced dynamic"])
    #expect(
      found.root["rope_scaling"]
        == [
          "type": "yarn", "factor": 2.0, "original_max_position_embeddings": 256, "own": true,
        ])
    let ntk = try Self.scaled(config, .ntk, .factor(2))
    #expect(ntk.root["rope_scaling"] == ["type": "default", "own": true])
  }

  @Test(
    "no number of a configuration ends the program or makes it run without end",
    arguments: [
      #""head_dim": 9223372036854775806"#, #""head_dim": 4611686018427387904"#,
      #""hidden_size": 4611686018427387904, "num_attention_heads": 1"#,
      #""head_dim": 64, "partial_rotary_factor": 4611686018427387904"#,
      #""head_dim": 64, "partial_rotary_factor": 1e19"#,
      #""head_dim": 64, "max_position_embeddings": 9223372036854775806"#,
      #""head_dim": 64, "max_position_embeddings": 1e19"#,
      #""head_dim": 64, "rope_scaling": {"type": "clex", "max_factor": 8, "time_dt": 1e19}"#,
      #""head_dim": 64, "rope_scaling": {"type": "clex", "max_factor": 65536, "time_dt": 0.00001}"#,
      #""head_dim": 64, "rope_scaling": {"type": "clex", "max_factor": 1e19}"#,
      #""head_dim": 64, "rope_scaling": {"type": "yarn", "factor": 2, "original_max_position_embeddings": 1e19}"#,
    ])
  func limits(members: String) throws {
    let isComplete = members.contains("\"max_position_embeddings\"")
    let text = isComplete ? "{\(members)}" : "{\"max_position_embeddings\": 128, \(members)}"
    let object = try #require(try JSONValue.parse(Array(text.utf8).span).asObject)
    #expect(throws: RopeFault.self) {
      _ = try RotaryConfig(object).layers[0].settings.frequencies(length: 1000)
    }
    for method in RopeMethod.allCases { _ = try? Self.scaled(text, method, .factor(2)) }
  }

  @Test("no target ends the program", arguments: [RopeMethod.pi, .yarn, .dynamic, .clex])
  func targets(method: RopeMethod) throws {
    let plain = #"{"head_dim": 64, "max_position_embeddings": 128, "rope_theta": 10000.0}"#
    let long =
      #"{"head_dim": 64, "max_position_embeddings": 128, "rope_scaling": {"type": "yarn", "factor": 1e300, "original_max_position_embeddings": 64}}"#
    for target in [
      RopeRequest.Target.context(.max), .context(.min), .factor(1e300), .factor(.nan),
      .factor(.infinity), .factor(-1), .time(.max),
    ] {
      #expect(throws: UsageError.self, "\(target)") {
        _ = try Self.scaled(plain, method, target)
      }
      #expect(throws: UsageError.self) { _ = try Self.scaled(long, method, target) }
    }
  }
}
