import Base
import Checkpoints
import Containers
import Models
import Rotary
import TensorCore
import TestSupport
import Testing

/// A case computed by the official code of CLEX.
struct GoldenCLEX: Sendable, CustomTestStringConvertible {
  let name: String
  let settings: RopeSettings
  let layer: CLEXLayer
  /// The frequencies for each time from 1, in float32 by the official code.
  let official: [[Float]]
  /// The logarithms of the frequencies for each time from 1, in float64 by an independent solver.
  let exact: [[Double]]
  let lengths: [(length: Int, time: Int)]
  var testDescription: String { name }

  static let all: [GoldenCLEX] = {
    guard let text = try? Fixtures.bytes("rope/clex.json"),
      let cases = try? JSONValue.parse(text.span).asArray,
      let checkpoint = try? Containers.read(Fixtures.path("rope/clex.safetensors"))
    else { return [] }
    return cases.compactMap { try? GoldenCLEX($0, checkpoint) }
  }()

  private init(_ value: JSONValue, _ checkpoint: Checkpoint) throws {
    let name = value["name"]?.asString ?? ""
    func tensor(_ part: String) throws -> LazyTensor {
      try #require(checkpoint.tensors.first { $0.name == "\(name)/\(part)" })
    }
    self.name = name
    settings = RopeSettings(
      typeName: "clex", theta: value["rope_theta"]?.asDouble ?? 0,
      headDim: value["dim"]?.asInt ?? 0,
      maximumLength: value["max_position_embeddings"]?.asInt,
      values: value["rope_scaling"]?.asObject ?? JSONObject())
    layer = CLEXLayer(
      inverse: try tensor("inv_freq").bytes().floats, up: try tensor("ode_up_proj").bytes().floats,
      down: try tensor("ode_down_proj").bytes().floats)
    let half = layer.inverse.count
    let rows = try tensor("inv_freq_t").bytes().floats
    official = stride(from: 0, to: rows.count, by: half).map { Array(rows[$0..<$0 + half]) }
    let logs = try tensor("log_inv_freq_t_f64").bytes().doubles
    exact = stride(from: 0, to: logs.count, by: half).map { Array(logs[$0..<$0 + half]) }
    lengths = (value["seqs"]?.asArray ?? []).compactMap { one in
      guard let length = one["seq_len"]?.asInt, let time = one["t"]?.asInt else { return nil }
      return (length, time)
    }
  }
}

@Suite struct CLEXTests {
  @Test("the golden data has all cases") func count() {
    #expect(GoldenCLEX.all.count == 8)
    #expect(GoldenCLEX.all.allSatisfy { !$0.official.isEmpty && !$0.lengths.isEmpty })
  }

  @Test(
    "float32 follows the official solver, float64 an independent one", arguments: GoldenCLEX.all)
  func golden(golden: GoldenCLEX) throws {
    let float = try CLEXRope.solved(golden.layer, golden.settings)
    // In float64 only if it is fast enough for a test.
    let isQuick = golden.official.count * golden.layer.up.count <= 1 << 18
    let double = isQuick ? try CLEXRope.solved(golden.layer, golden.settings, isExact: true) : []
    #expect(float.count == golden.official.count)
    for (row, found) in float.enumerated() {
      #expect(found.inverse.count == golden.official[row].count)
      let worst = zip(found.inverse, golden.official[row]).reduce(0.0) {
        max($0, abs(logarithm($1.0 / Double($1.1))))
      }
      #expect(worst <= 5e-6, "t \(row + 1): \(worst)")
    }
    for (row, found) in double.enumerated() {
      let worst = zip(found.inverse, golden.exact[row]).reduce(0.0) {
        max($0, abs(logarithm($1.0) - $1.1))
      }
      #expect(worst <= (row == 0 ? 1e-7 : 1e-9), "t \(row + 1): \(worst)")
    }
  }

  @Test("the length determines the time", arguments: GoldenCLEX.all)
  func times(golden: GoldenCLEX) throws {
    var settings = golden.settings
    settings.clex = golden.layer
    // A coarse grid changes the frequencies but not the times.
    settings.values["time_dt"] = 0.5
    for (length, time) in golden.lengths {
      #expect(try settings.frequencies(length: length).time == time)
    }
    let limit = golden.official.count * (golden.settings.maximumLength ?? 0)
    #expect(try settings.frequencies(length: limit).time == golden.official.count)
    #expect(throws: RopeFault.self) { try settings.frequencies(length: limit + 1) }
  }

  @Test("without a trained layer the dynamics are NTK-aware scaling")
  func untrained() throws {
    let settings = RopeSettings(
      typeName: "clex", headDim: 64, maximumLength: 128, values: ["max_factor": 8])
    let dynamic = RopeSettings(
      typeName: "dynamic", headDim: 64, maximumLength: 128, values: ["factor": 2.0])
    let solved = try CLEXRope.solved(CLEXLayer(untrained: settings), settings, isExact: true)
    for time in 2...8 {
      let found = solved[time - 1]
      let wanted = try dynamic.frequencies(length: 128 * time).inverse
      for (a, b) in zip(found.inverse, wanted) { #expect(abs(logarithm(a / b)) < 1e-6) }
    }
  }

  /// The factors were verified with a model in unmodified transformers, against the official layer.
  @Test(
    "frozen factors equal those that were verified in a stock runtime", arguments: [1, 2, 3, 5, 8])
  func frozen(time: Int) throws {
    let bytes = try Fixtures.bytes("rope/clex_as_longrope.json")
    let text = try JSONValue.parse(bytes.span)
    let checkpoint = try Containers.read(Fixtures.path("rope/clex_as_longrope.safetensors"))
    func tensor(_ name: String) throws -> [UInt8] {
      try #require(checkpoint.tensors.first { $0.name == name }).bytes()
    }
    let layer = CLEXLayer(
      inverse: try tensor("clex/inv_freq").floats, up: try tensor("clex/ode_up_proj").floats,
      down: try tensor("clex/ode_down_proj").floats)
    let settings = RopeSettings(
      typeName: "clex", headDim: 64, maximumLength: 32,
      values: try #require(text["clex"]?.asObject))
    let found = try CLEXRope.frequencies(layer, settings, time: time)
    let wanted = try tensor("factors/t\(time)").doubles
    #expect(wanted.count == 32)
    for (factor, wanted) in zip(LongRope.factors(giving: found.inverse, settings), wanted) {
      #expect(abs(logarithm(Double(factor) / wanted)) <= 5e-6)
    }
  }

  @Test("factors result in the intended float32 frequencies, or the nearest possible ones")
  func factors() throws {
    let settings = RopeSettings(headDim: 128, maximumLength: 4096)
    var random = SeededGenerator(seed: 4)
    for _ in 0..<4 {
      let intended = settings.unscaledFrequencies.map {
        $0 / Double.random(in: 1...64, using: &random)
      }
      let factors = LongRope.factors(giving: intended, settings)
      for (pair, factor) in factors.enumerated() {
        func distance(_ factor: Float) -> Float {
          abs(1 / (factor * Float(1 / settings.unscaledFrequencies[pair])) - Float(intended[pair]))
        }
        #expect(distance(factor) <= distance(factor.nextUp))
        #expect(distance(factor) <= distance(factor.nextDown))
        #expect(distance(factor) <= 2 * Float(intended[pair]).ulp)
      }
    }
  }

  @Test("a max_factor of 2 is solved")
  func two() throws {
    let golden = try #require(GoldenCLEX.all.first { $0.settings.number("max_factor") == 16 })
    var settings = golden.settings
    settings.values["max_factor"] = 2
    let found = try CLEXRope.frequencies(golden.layer, settings, time: 2)
    for (a, b) in zip(found.inverse, golden.official[1]) {
      #expect(abs(logarithm(a / Double(b))) <= 5e-6)
    }
  }

  @Test("the layer of the trained model is read, and a layer that does not fit is refused")
  func model() throws {
    let checkpoint = try Containers.read(Fixtures.path("models/clex"))
    var settings = try RotaryConfig(try #require(try checkpoint.modelConfiguration())).layers[0]
      .settings
    let layer = try #require(try CLEXLayer(checkpoint, settings: settings))
    #expect(layer.isTrained && layer.inverse.count == 16 && layer.width == 32)
    settings.clex = layer
    #expect(try settings.frequencies(length: 2048).time == 8)
    settings.values["param_factor"] = 2
    #expect(throws: RopeFault.self) { try settings.frequencies(length: 2048) }
    var half = settings
    half.headDim = 64
    #expect(throws: FormatError.self) { _ = try CLEXLayer(checkpoint, settings: half) }
    var without = checkpoint
    without.tensors.removeAll { $0.name.hasSuffix("ode_up_proj") }
    #expect(throws: FormatError.self) { _ = try CLEXLayer(without, settings: settings) }
    #expect(
      try CLEXLayer(Containers.read(Fixtures.path("models/base")), settings: settings) == nil)
  }
}
