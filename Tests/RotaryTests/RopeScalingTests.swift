import Base
import Checkpoints
import Containers
import Rotary
import RotaryScaling
import TensorCore
import TestSupport
import Testing

/// Tests of the configurations that `rope scale` writes.
@Suite struct RopeScalingTests {
  private static let llama = """
    {
      "model_type": "llama", "hidden_size": 128, "num_attention_heads": 2,
      "max_position_embeddings": 256,
      "rope_theta": 10000.0
    }
    """

  /// Returns the configuration that results from a request, as text and parsed, with the notes.
  private static func scaled(
    _ config: String, _ request: RopeRequest
  ) throws -> (text: String, root: JSONObject, notes: [RopeNote]) {
    let folder = try TemporaryFolder()
    try folder.write(Array(config.utf8), to: "config.json")
    let scaling = try RopeScaling(RopeModel(folder["config.json"]), request)
    let bytes = try scaling.configText()
    return (
      String(decoding: bytes, as: UTF8.self),
      try object(bytes), scaling.notes
    )
  }

  private static func object(_ text: [UInt8]) throws -> JSONObject {
    try #require(try JSONValue.parse(text.span).asObject)
  }

  private static func frequencies(_ root: JSONObject, length: Int) throws -> RopeFrequencies {
    try RotaryConfig(root).layers[0].settings.frequencies(length: length)
  }

  @Test(
    "each method writes its keys in the older dialect",
    arguments: [
      (RopeMethod.pi, #"{"rope_type": "linear", "factor": 4.0}"#, 1024),
      (.dynamic, #"{"rope_type": "dynamic", "factor": 4.0}"#, 256),
      (
        .yarn,
        #"{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256}"#, 1024
      ),
      (
        .llama3,
        #"{"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "#
          + #""original_max_position_embeddings": 256}"#, 1024
      ),
    ])
  func keys(method: RopeMethod, wanted: String, length: Int) throws {
    let found = try Self.scaled(Self.llama, RopeRequest(method: method, target: .factor(4))).root
    let parameters = try Self.object(Array(wanted.utf8))
    #expect(found["rope_scaling"] == .object(parameters))
    #expect(found["max_position_embeddings"]?.asInt == length)
    #expect(found["rope_theta"]?.asDouble == 10_000)
    #expect(found["rope_parameters"] == nil)
    // A context means the same as a factor.
    let context = try Self.scaled(Self.llama, RopeRequest(method: method, target: .context(1024)))
    #expect(context.root == found)
  }

  @Test(
    "a scaling of the model that is invalid is an error that names its key",
    arguments: [
      ("linear", #""factor": 0"#, "factor is 0.0, expected 1 or more"),
      ("linear", #""factor": -2"#, "factor is -2.0, expected 1 or more"),
      ("linear", #""factor": "NaN""#, "factor is 'NaN', expected a finite number"),
      ("linear", #""factor": "2""#, "factor is '2', expected a finite number"),
      ("linear", #""factor": [2]"#, "factor is [2], expected a finite number"),
      ("linear", #""attention_factor": 1"#, "needs 'factor'"),
      ("yarn", #""factor": 0.5"#, "factor is 0.5, expected 1 or more"),
      ("yarn", #""factor": 2, "beta_fast": "32""#, "beta_fast is '32', expected a finite number"),
      ("dynamic", #""factor": -1"#, "factor is -1.0, expected 1 or more"),
      ("proportional", #""factor": 0"#, "factor is 0.0, expected 1 or more"),
    ], [RopeMethod.pi, .ntk, .yarn])
  func invalid(_ scaling: (type: String, values: String, message: String), method: RopeMethod)
    throws
  {
    let config = Self.llama.replacing(
      #""rope_theta": 10000.0"#,
      with: #""rope_scaling": {"rope_type": "\#(scaling.type)", \#(scaling.values)}"#)
    let error = try #require(throws: FormatError.self) {
      try Self.scaled(config, RopeRequest(method: method, target: .factor(2)))
    }
    #expect(error.code == .ropeConfig && error.path.hasSuffix("config.json"))
    #expect(error.description.contains(scaling.message), "\(error)")
  }

  @Test(
    "options that are not finite numbers are errors",
    arguments: ["beta_fast", "beta_slow", "attention_factor"],
    [Double.nan, .infinity, -.infinity])
  func notFinite(key: String, value: Double) throws {
    let request = RopeRequest(method: .yarn, target: .factor(2), parameters: [(key, value)])
    let error = try #require(throws: UsageError.self) { try Self.scaled(Self.llama, request) }
    #expect(error.description.contains("expected a finite number"), "\(error)")
  }

  @Test("a note states that some layers do not rotate")
  func unrotatedLayers() throws {
    let config = Self.llama.replacing(
      #""model_type": "llama""#, with: #""model_type": "smollm3", "num_hidden_layers": 8"#)
    let notes = try Self.scaled(config, RopeRequest(method: .pi, target: .factor(2))).notes
    #expect(notes == [.layersWithoutRotation(rotated: 6, total: 8)])
  }

  @Test(
    "architectures in which only layers with a window rotate are refused",
    arguments: ["exaone4", "exaone_moe", "afmoe", "cohere2"])
  func windowsOnly(type: String) throws {
    let config = Self.llama.replacing("llama", with: type)
    let error = try #require(throws: UsageError.self) {
      try Self.scaled(config, RopeRequest(method: .yarn, target: .factor(2)))
    }
    #expect(error.description.contains("only the layers with a window rotate"))
    let whole = config.replacing(
      #""hidden_size""#, with: #""sliding_window": null, "hidden_size""#)
    let request = RopeRequest(method: .yarn, target: .factor(2))
    if type.hasPrefix("exaone") { _ = try Self.scaled(whole, request) }
  }

  @Test("a note states that an attention factor applies to a part of each head")
  func latentAttention() throws {
    let config = Self.llama.replacing(
      #""model_type": "llama""#,
      with: #""model_type": "deepseek_v3", "qk_rope_head_dim": 64, "qk_nope_head_dim": 128"#)
    func codes(_ parameters: [(key: String, value: Double)]) throws -> [String] {
      try Self.scaled(
        config, RopeRequest(method: .yarn, target: .factor(4), parameters: parameters)
      ).notes.map(\.code)
    }
    #expect(try codes([]) == ["attention-of-part 64 192"])
    #expect(try codes([("attention_factor", 1)]) == [])
    #expect(try codes([("mscale", 1), ("mscale_all_dim", 1)]) == [])
  }

  @Test("ntk changes only the base")
  func ntk() throws {
    let found = try Self.scaled(Self.llama, RopeRequest(method: .ntk, target: .factor(4))).root
    #expect(found["rope_scaling"] == .null)
    let theta = try #require(found["rope_theta"]?.asDouble)
    #expect(abs(theta / (10_000 * power(4, 64.0 / 62)) - 1) < 1e-12)
    #expect(found["max_position_embeddings"]?.asInt == 1024)
    // The lowest frequency equals that of PI.
    let slow = try Self.frequencies(found, length: 1024).inverse[31]
    #expect(abs(slow * 4 * power(10_000, 62.0 / 64) - 1) < 1e-12)
  }

  @Test("the rest of the text stays unchanged")
  func text() throws {
    let found = try Self.scaled(Self.llama, RopeRequest(method: .pi, target: .factor(2))).text
    #expect(
      found == """
        {
          "model_type": "llama", "hidden_size": 128, "num_attention_heads": 2,
          "max_position_embeddings": 512,
          "rope_theta": 10000.0,
          "rope_scaling": {
            "rope_type": "linear",
            "factor": 2.0
          }
        }
        """)
  }

  @Test("the newer dialect has the base in the parameters")
  func parameters() throws {
    let config = """
      {"head_dim": 64, "max_position_embeddings": 256,
       "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0, "partial_rotary_factor": 0.5}}
      """
    let yarn = try Self.scaled(config, RopeRequest(method: .yarn, target: .factor(2))).root
    #expect(yarn["rope_scaling"] == nil && yarn["rope_theta"] == nil)
    #expect(
      yarn["rope_parameters"]
        == [
          "rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 256,
          "partial_rotary_factor": 0.5, "rope_theta": 500_000.0,
        ])
    let ntk = try Self.scaled(config, RopeRequest(method: .ntk, target: .factor(2))).root
    #expect(ntk["rope_parameters"]?["rope_type"] == "default")
    let theta = try #require(ntk["rope_parameters"]?["rope_theta"]?.asDouble)
    #expect(abs(theta / (500_000 * power(2, 32.0 / 30)) - 1) < 1e-12)
  }

  @Test("of several kinds of layers, only full attention is rescaled")
  func kinds() throws {
    let config = """
      {"head_dim": 64, "max_position_embeddings": 256, "rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}}
      """
    let found = try Self.scaled(config, RopeRequest(method: .pi, target: .factor(8))).root
    let parameters = try #require(found["rope_parameters"])
    #expect(
      parameters["full_attention"]
        == ["rope_type": "linear", "factor": 8.0, "rope_theta": 1_000_000.0])
    #expect(
      parameters["sliding_attention"] == ["rope_type": "default", "rope_theta": 10_000.0])
    #expect(throws: UsageError.self) {
      _ = try Self.scaled(config, RopeRequest(method: .clex, target: .time(2)))
    }
    let near = config.replacing("full_attention", with: "chunked_attention")
    #expect(throws: UsageError.self) {
      _ = try Self.scaled(near, RopeRequest(method: .pi, target: .factor(8)))
    }
  }

  @Test("a nested text configuration is edited in place")
  func nested() throws {
    let config = """
      {"model_type": "some_vision", "text_config": {"head_dim": 64, "max_position_embeddings": 256}}
      """
    let found = try Self.scaled(config, RopeRequest(method: .pi, target: .factor(2))).root
    #expect(found.count == 2)
    #expect(found["text_config"]?["rope_scaling"]?["factor"] == 2.0)
    #expect(found["text_config"]?["max_position_embeddings"]?.asInt == 512)
  }

  @Test("parameters of the method are written, and others are refused")
  func options() throws {
    let request = RopeRequest(
      method: .yarn, target: .factor(2),
      parameters: [("beta_fast", 16), ("attention_factor", 1.25)])
    let found = try Self.scaled(Self.llama, request).root
    #expect(found["rope_scaling"]?["beta_fast"] == 16.0)
    #expect(try Self.frequencies(found, length: 512).attentionFactor == 1.25)
    let wrong = RopeRequest(
      method: .pi, target: .factor(2), parameters: [("beta_fast", 16)])
    #expect(throws: UsageError.self) { _ = try Self.scaled(Self.llama, wrong) }
  }

  @Test("longrope uses one list up to the trained length and another beyond it")
  func longRope() throws {
    let long = (0..<32).map { 1 + Double($0) / 8 }
    let found = try Self.scaled(
      Self.llama, RopeRequest(method: .longrope, target: .factor(4), longFactors: long)
    ).root
    let plain = RopeSettings(headDim: 64, maximumLength: 256).unscaledFrequencies
    #expect(try Self.frequencies(found, length: 256).inverse == plain)
    let far = try Self.frequencies(found, length: 257)
    #expect(far.inverse == zip(plain, long).map { $0 / $1 })
    #expect(abs(far.attentionFactor - (1 + logarithm(4) / logarithm(256)).squareRoot()) < 1e-12)
    for count in [0, 31, 33] {
      let request = RopeRequest(
        method: .longrope, target: .factor(4), longFactors: .init(repeating: 2, count: count))
      #expect(throws: (any Error).self) { _ = try Self.scaled(Self.llama, request) }
    }
  }

  // MARK: CLEX

  private static func frozen(_ request: RopeRequest, config: String? = nil) throws -> RopeScaling {
    guard let config else {
      return try RopeScaling(
        RopeModel(Fixtures.path("models/clex"), needsTensors: true), request)
    }
    let folder = try TemporaryFolder()
    try folder.write(Array(config.utf8), to: "config.json")
    try folder.write(Fixtures.bytes("models/clex/model.safetensors"), to: "model.safetensors")
    return try RopeScaling(RopeModel(folder.path, needsTensors: true), request)
  }

  @Test(
    "a frozen model has the CLEX frequencies, but no CLEX tensors", arguments: [1, 2, 5, 8])
  func freeze(time: Int) throws {
    let scaling = try Self.frozen(RopeRequest(method: .clex, target: .time(time)))
    let root = try Self.object(scaling.configText())
    let values = try #require(root["rope_scaling"]?.asObject)
    #expect(
      values.map(\.key).sorted() == [
        "attention_factor", "factor", "long_factor", "original_max_position_embeddings",
        "short_factor", "type",
      ])
    #expect(values["type"] == "longrope" && values["attention_factor"] == 1.0)
    #expect(values["long_factor"] == values["short_factor"])
    #expect(root["max_position_embeddings"]?.asInt == 256 * time)
    let wanted = try scaling.before.frequencies(length: 256 * time)
    for length in [1, 256, 257, 256 * time] {
      let found = try Self.frequencies(root, length: length)
      #expect(found.attentionFactor == 1)
      for (a, b) in zip(found.inverse, wanted.inverse) { #expect(abs(a / b - 1) < 2e-7) }
    }
    let before = try Containers.read(Fixtures.path("models/clex"))
    let after = try scaling.scaled()
    #expect(
      after.tensors.map(\.name)
        == before.tensors.map(\.name).filter { !$0.contains("clex_layer") })
    #expect(before.tensors.count - after.tensors.count == 3)
  }

  @Test("short-exact keeps the model unchanged up to its trained length")
  func shortExact() throws {
    let scaling = try Self.frozen(
      RopeRequest(method: .clex, target: .context(1000), isShortExact: true))
    let root = try Self.object(scaling.configText())
    #expect(root["max_position_embeddings"]?.asInt == 1024)
    let plain = RopeSettings(headDim: 32, maximumLength: 256).unscaledFrequencies
    #expect(try Self.frequencies(root, length: 256).inverse == plain)
    #expect(try Self.frequencies(root, length: 257).inverse != plain)
  }

  @Test("log_scale is reported as dropped, or approximated on request")
  func logScale() throws {
    let config = try String(
      decoding: Fixtures.bytes("models/clex/config.json"), as: UTF8.self
    ).replacing("\"log_scale\": false", with: "\"log_scale\": true")
    var request = RopeRequest(method: .clex, target: .time(4))
    let without = try Self.frozen(request, config: config)
    #expect(without.after.values["attention_factor"] == 1.0)
    #expect(without.notes.contains(.logScaleLeftOut))
    request.approximatesLogScale = true
    let with = try Self.frozen(request, config: config)
    let wanted = (logarithm(1024) / logarithm(256)).squareRoot()
    #expect(abs((with.after.values["attention_factor"]?.asDouble ?? 0) - wanted) < 1e-12)
    #expect(try Self.frozen(request).notes.allSatisfy { !$0.code.contains("log-scale") })
  }

  @Test("requests that CLEX cannot meet are refused")
  func refused() throws {
    for target in [
      RopeRequest.Target.time(9), .time(0), .context(2049), .factor(8.5), .factor(0.5),
    ] {
      #expect(throws: UsageError.self, "\(target)") {
        _ = try Self.frozen(RopeRequest(method: .clex, target: target))
      }
    }
    let plain = try String(
      decoding: Fixtures.bytes("models/base/config.json"), as: UTF8.self)
    // CLEX tensors without a configuration of CLEX.
    #expect(throws: UsageError.self) {
      _ = try Self.frozen(RopeRequest(method: .clex, target: .time(2)), config: plain)
    }
  }

  @Test("without trained tensors the method is NTK-aware scaling, with a note")
  func untrained() throws {
    let scaling = try RopeScaling(
      RopeModel(Fixtures.path("models/base"), needsTensors: true),
      RopeRequest(method: .clex, target: .time(4)))
    #expect(scaling.notes.contains { $0.message.contains("NTK-aware") })
    let found = try scaling.after.frequencies(length: 1024).inverse
    let plain = scaling.before.unscaledFrequencies
    let dim = Double(scaling.before.rotaryDim)
    for pair in found.indices {
      let wanted = plain[pair] * power(7, -2 * Double(pair) / (dim - 2))
      #expect(abs(found[pair] / wanted - 1) < 1e-5)
    }
  }
}
