import Base
import Rotary
import TensorCore
import TestSupport
import Testing

/// A configuration and the frequencies that transformers 5.23 computes for it.
struct GoldenRope: Sendable, CustomTestStringConvertible {
  let name: String
  let config: JSONObject
  let cases: [Case]
  var testDescription: String { name }

  struct Case: Sendable {
    var length: Int?
    var inverse: [Double]
    var attentionFactor: Double
  }

  static let all: [GoldenRope] = {
    guard let text = try? Fixtures.bytes("rope/rope_types.json"),
      let root = try? JSONValue.parse(text.span)
    else { return [] }
    return (root["entries"]?.asArray ?? []).compactMap(GoldenRope.init)
  }()

  private init?(_ value: JSONValue) {
    guard let name = value["name"]?.asString, let headDim = value["head_dim"],
      var parameters = value["rope_parameters"]?.asObject, let theta = value["rope_theta"],
      let length = value["max_position_embeddings"], let cases = value["cases"]?.asArray
    else { return nil }
    self.name = name
    parameters["rope_theta"] = theta
    config = [
      "head_dim": headDim, "max_position_embeddings": length,
      "rope_parameters": .object(parameters),
    ]
    self.cases = cases.compactMap { one in
      guard let inverse = one["inv_freq"]?.asArray?.compactMap(\.asDouble),
        let factor = one["attention_factor"]?.asDouble
      else { return nil }
      return Case(length: one["seq_len"]?.asInt, inverse: inverse, attentionFactor: factor)
    }
  }
}

@Suite struct RopeTypeTests {
  @Test("the golden data covers every rope type of transformers") func count() {
    let types = Set(
      GoldenRope.all.compactMap { $0.config["rope_parameters"]?["rope_type"]?.asString })
    #expect(GoldenRope.all.count >= 20)
    #expect(GoldenRope.all.allSatisfy { !$0.cases.isEmpty && !$0.cases[0].inverse.isEmpty })
    #expect(types == Set(RopeTypes.all.map { $0.name }).subtracting(["clex"]))
  }

  @Test("frequencies and attention factors equal those of transformers", arguments: GoldenRope.all)
  func golden(golden: GoldenRope) throws {
    let config = try RotaryConfig(golden.config)
    #expect(config.dialect == .parameters && config.layers.count == 1)
    for one in golden.cases {
      let found = try config.layers[0].settings.frequencies(length: one.length)
      #expect(found.inverse.count == one.inverse.count)
      for (pair, (a, b)) in zip(found.inverse, one.inverse).enumerated() {
        #expect(a == b || abs(a - b) <= 1e-6 * b, "\(one.length ?? 0), \(pair): \(a) \(b)")
      }
      #expect(abs(found.attentionFactor - one.attentionFactor) <= 1e-12)
    }
  }

  @Test("the older dialect results in the same frequencies", arguments: GoldenRope.all)
  func older(golden: GoldenRope) throws {
    var scaling = golden.config["rope_parameters"]?.asObject ?? JSONObject()
    var config = golden.config
    config["rope_parameters"] = nil
    config["rope_theta"] = scaling["rope_theta"]
    config["partial_rotary_factor"] = scaling["partial_rotary_factor"]
    let type = scaling["rope_type"]
    for key in ["rope_theta", "partial_rotary_factor", "rope_type"] { scaling[key] = nil }
    scaling["type"] = type
    config["rope_scaling"] = .object(scaling)
    let old = try RotaryConfig(config)
    #expect(old.dialect == .scaling)
    let new = try RotaryConfig(golden.config)
    for length in [nil, 5000, 100_000] {
      #expect(
        try old.layers[0].settings.frequencies(length: length)
          == new.layers[0].settings.frequencies(length: length))
    }
  }

  @Test("each kind of layers has its own parameters")
  func kinds() throws {
    let config = try RotaryConfig([
      "head_dim": 8, "max_position_embeddings": 100,
      "rope_parameters": [
        "full_attention": ["rope_type": "linear", "factor": 4.0, "rope_theta": 1e6],
        "sliding_attention": ["rope_type": "default", "rope_theta": 1e4],
      ],
    ])
    #expect(config.layers.map(\.kind) == ["full_attention", "sliding_attention"])
    #expect(config.layers[0].settings.theta == 1e6)
    #expect(try config.layers[0].settings.frequencies().inverse[0] == 0.25)
    let gemma = try RotaryConfig([
      "head_dim": 8, "max_position_embeddings": 100, "rope_theta": 1e6,
      "rope_local_base_freq": 1e4, "rope_scaling": ["rope_type": "linear", "factor": 4.0],
    ])
    #expect(gemma.layers.map(\.kind) == ["full_attention", "sliding_attention"])
    for (a, b) in zip(gemma.layers, config.layers) {
      #expect(try a.settings.frequencies() == b.settings.frequencies())
    }
    let nested = try RotaryConfig([
      "model_type": "x", "text_config": ["hidden_size": 64, "num_attention_heads": 4],
    ])
    #expect(nested.path == ["text_config"] && nested.layers[0].settings.headDim == 16)
  }

  @Test(
    "an invalid setting is reported with its key",
    arguments: [
      (#""head_dim": 7"#, "expected an even number"), (#""head_dim": 0"#, "head_dim"),
      (#""hidden_size": 10, "num_attention_heads": 3"#, "not a multiple of num_attention_heads"),
      (#""x": 1"#, "neither head_dim nor hidden_size"),
      (#""head_dim": 8, "rope_scaling": {"type": "yarm", "factor": 2.0}"#, "rope_type 'yarm'"),
      (#""head_dim": 8, "rope_scaling": {"type": "linear"}"#, "needs 'factor'"),
      (#""head_dim": 8, "rope_scaling": {"type": "linear", "factor": 0.5}"#, "factor is 0.5"),
      (#""head_dim": 8, "rope_scaling": 3"#, "rope_scaling is not an object"),
      (#""head_dim": 8, "rope_theta": 0.5"#, "rope_theta is 0.5"),
      (#""head_dim": 8, "partial_rotary_factor": 1.5"#, "partial_rotary_factor is 1.5"),
      (
        #""head_dim": 8, "rope_scaling": {"type": "longrope", "long_factor": [1, 2, 3], "short_factor": [1, 1, 1, 1]}"#,
        "long_factor has 3 entries, expected 4"
      ),
      (
        #""head_dim": 8, "rope_scaling": {"type": "longrope", "short_factor": [1, 1, 1], "long_factor": [1, 1, 1, 1]}"#,
        "short_factor has 3 entries"
      ),
      (
        #""head_dim": 8, "rope_scaling": {"type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 1.0, "original_max_position_embeddings": 64}"#,
        "low_freq_factor and high_freq_factor"
      ),
      (#""head_dim": 8, "rope_scaling": {"type": "clex"}"#, "needs 'max_factor'"),
      (
        #""head_dim": 8, "rope_scaling": {"type": "clex", "max_factor": 4, "act": "relu"}"#,
        "act is 'relu'"
      ),
    ])
  func faults(members: String, reason: String) throws {
    let text = Array("{\"max_position_embeddings\": 128, \(members)}".utf8)
    let object = try #require(try JSONValue.parse(text.span).asObject)
    #expect {
      _ = try RotaryConfig(object).layers[0].settings.frequencies(length: 1000)
    } throws: { error in
      (error as? RopeFault)?.description.contains(reason) == true
    }
  }
}
