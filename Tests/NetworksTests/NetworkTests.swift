import Base
import Checkpoints
import Containers
import Models
import Networks
import TensorCore
import TestSupport
import Testing

@Suite(.needsOpenBLAS) struct NetworkTests {
  private func checkpoint(_ family: String) throws -> Checkpoint {
    try Containers.read(Fixtures.path("networks/families/" + family))
  }

  private func configuration(_ family: String) throws -> JSONObject {
    let text = try Fixtures.bytes("networks/families/\(family)/config.json")
    return try ModelConfigurationFile(text: text).object()
  }

  /// Returns the messages of all faults of a model with a changed configuration.
  private func faults(_ checkpoint: Checkpoint, _ config: JSONObject) throws -> [String] {
    do {
      _ = try Network<Float>.network(
        of: checkpoint, ModelConfiguration(config), .counting(jobs: 1))
      return []
    } catch let error as SeveralErrors {
      return error.errors.map { "\($0.message)" }
    } catch let error as any UserError {
      return ["\(error.message)"]
    }
  }

  @Test("settings that are missing or not supported are errors by name")
  func settings() throws {
    let model = try checkpoint("qwen2-tied")
    let changes: [(String, JSONValue?, String)] = [
      ("model_type", "nosuch", "architecture 'nosuch'"),
      ("model_type", nil, "model_type is missing"),
      ("hidden_act", "mish", "activation 'mish'"),
      ("rope_parameters", ["rope_type": "spiral", "rope_theta": 1e4], "rope_type 'spiral'"),
      ("num_hidden_layers", nil, "num_hidden_layers is missing"),
      ("num_key_value_heads", 3, "expected a multiple of 3"),
      ("layer_types", ["linear_attention", "full_attention"], "layer type 'linear_attention'"),
      ("rms_norm_eps", -1, "epsilon"),
      ("vocab_size", 0, "vocab_size is 0"),
      ("num_hidden_layers", 1_048_576, "num_hidden_layers is 1048576"),
      ("quantization_config", ["quant_method": "fp8"], "stored with a quantization"),
    ]
    for (key, value, expected) in changes {
      var config = try configuration("qwen2-tied")
      config[key] = value
      let found = try faults(model, config)
      #expect(found.count == 1 && found[0].contains(expected), "\(key): \(found)")
    }
    #expect(try faults(model, configuration("qwen2-tied")).isEmpty)
  }

  @Test(
    "a number of learned positions must be set and bounded", arguments: [nil, 1e15] as [Double?])
  func positionCount(count: Double?) throws {
    var config = try configuration("gpt2")
    config["n_positions"] = count.map { JSONValue($0) }
    let found = try faults(checkpoint("gpt2"), config)
    #expect(found.count == 1 && found[0].contains("max_position_embeddings is"), "\(found)")
  }

  @Test("heads that are too wide together are an error") func width() throws {
    var config = try configuration("qwen2-tied")
    config["head_dim"] = 524_288
    config["num_attention_heads"] = 64
    let found = try faults(checkpoint("qwen2-tied"), config)
    #expect(found.count == 1 && found[0].contains("64 heads of 524288 values"), "\(found)")
  }

  @Test("all missing tensors and wrong shapes are reported together, before the work")
  func tensors() throws {
    var model = try checkpoint("qwen2-tied")
    model.tensors.removeAll { $0.name.hasSuffix("k_proj.bias") }
    var config = try configuration("qwen2-tied")
    config["intermediate_size"] = 90
    let found = try faults(model, config)
    // Two layers, each without a bias and with three wrong shapes.
    #expect(found.count == 8, "\(found)")
    #expect(
      found.contains {
        $0.contains("model.layers.1.self_attn.k_proj.bias") && $0.contains("missing")
      })
    #expect(
      found.contains {
        $0.contains("model.layers.0.mlp.down_proj.weight") && $0.contains("[64, 88]")
          && $0.contains("[64, 90]")
      })
  }

  @Test("tokens outside of the vocabulary are errors", arguments: [-1, 200] as [Int32])
  func tokens(id: Int32) throws {
    let compute = try OpenBLAS.compute()
    let network = try network(checkpoint("gemma2"), Float.self, compute)
    let run = Run(network, Tape(compute), try Positions(network, Windows(length: 2), compute))
    let error = #expect(throws: ShapeFault.self) { try network.embed(.tokens([1, id]), run) }
    #expect(error?.message.contains("token \(id)") == true)
    #expect(throws: UsageError.self) { try network.embed(.tokens([1]), run) }
  }

  @Test("more positions than embeddings are an error") func positions() throws {
    let compute = try OpenBLAS.compute()
    let network = try network(checkpoint("gpt2"), Float.self, compute)
    _ = try Positions(network, Windows(length: 64), compute)
    let error = #expect(throws: FormatError.self) {
      try Positions(network, Windows(length: 60, start: 5), compute)
    }
    #expect(error?.code == .networkPositions)
  }

  /// Returns the logits of tokens, with a cache of the tokens before `start`.
  private func logits(
    _ network: Network<Double>, _ ids: [Int32], from start: Int,
    _ cache: [(keys: Value<Double>, values: Value<Double>)], _ compute: Compute
  ) throws -> (logits: [Double], cache: [(keys: Value<Double>, values: Value<Double>)]) {
    let windows = Windows(length: ids.count - start, start: start)
    var run = Run(network, Tape(compute), try Positions(network, windows, compute))
    var stored: [(keys: Value<Double>, values: Value<Double>)] = []
    run.observer.attention = { _, _, keys, values in stored.append((keys, values)) }
    run.observer.cache = { cache[$0] }
    let output = try network.output(.tokens(Array(ids[start...])), run)
    return (output.numbers, stored)
  }

  @Test("a cache of keys and values replaces the tokens before", arguments: GoldenFamily.all)
  func cache(family: GoldenFamily) throws {
    let compute = try OpenBLAS.compute()
    let network = try network(family.checkpoint(), Double.self, compute)
    let ids = try GoldenTensors(family.folder + "/expected.safetensors").integers("ids")
    let (whole, _) = try logits(network, ids, from: 0, [], compute)
    let (_, stored) = try logits(network, Array(ids.prefix(30)), from: 0, [], compute)
    #expect(stored.count == network.layerCount)
    let (rest, _) = try logits(network, ids, from: 30, stored, compute)
    #expect(rest.count == 18 * 200)
    #expect(distance(rest, Array(whole.suffix(rest.count))) <= 1e-12)
  }

  @Test("sequences of a run do not see each other", arguments: GoldenFamily.all)
  func sequences(family: GoldenFamily) throws {
    let compute = try OpenBLAS.compute()
    let network = try network(family.checkpoint(), Double.self, compute)
    let ids = try GoldenTensors(family.folder + "/expected.safetensors").integers("ids")
    func output(_ ids: [Int32], _ count: Int) throws -> [Double] {
      let windows = Windows(sequenceCount: count, length: ids.count / count)
      let run = Run(network, Tape(compute), try Positions(network, windows, compute))
      return try network.output(.tokens(ids), run).numbers
    }
    let both = try output(ids, 2)
    let apart = try output(Array(ids.prefix(24)), 1) + output(Array(ids.suffix(24)), 1)
    #expect(distance(both, apart) <= 1e-13)
  }

  @Test("the inputs of all linear layers are observed") func observer() throws {
    let compute = try OpenBLAS.compute()
    let network = try network(checkpoint("gemma2"), Float.self, compute)
    var run = Run(network, Tape(compute), try Positions(network, Windows(length: 3), compute))
    var seen: [String: [Int]] = [:]
    run.observer.linearInput = { seen[$0] = $1.shape }
    _ = try network.output(.tokens([1, 2, 3]), run)
    #expect(seen.count == 2 * 7 + 1)
    #expect(seen["model.layers.1.mlp.down_proj.weight"] == [3, 88])
    #expect(seen["model.layers.0.self_attn.o_proj.weight"] == [3, 64])
  }

  @Test("an adapter changes a layer as the sum of the weights does") func adapter() throws {
    let compute = try OpenBLAS.compute()
    let name = "model.layers.1.mlp.up_proj.weight"
    var model = try checkpoint("gemma2")
    let (a, b): ([Float], [Float]) = (
      randomNumbers(2 * 64, seed: 1), randomNumbers(88 * 2, seed: 2)
    )
    let adapted = try network(model, Double.self, compute)
    func parameter(_ shape: [Int], _ values: [Float]) -> ResidentParameter<Double> {
      ResidentParameter("a", Value(shape, values.map(Double.init), in: compute.arena))
    }
    adapted.adapters[name] = Adapter(
      a: parameter([2, 64], a), b: parameter([88, 2], b), scale: 0.5)
    let index = try #require(model.tensors.firstIndex { $0.name == name })
    let lazy = LazyParameter<Double>(model.tensors[index], path: "", in: compute.arena)
    let weight = Value<Double>([88, 64], in: compute.arena)
    try lazy.read(0..<weight.count, into: weight.memory, at: 0)
    // Products of such numbers are exact in float32 sums only nearly, so that the bound is that of float32.
    let sum = weight.numbers.enumerated().map { place, value in
      let (row, column) = place.quotientAndRemainder(dividingBy: 64)
      let product = (0..<2).reduce(Float(0)) { $0 + b[row * 2 + $1] * a[$1 * 64 + column] }
      return Float(value) + 0.5 * product
    }
    model.tensors[index] = try memoryTensor(name, [88, 64], sum)
    let merged = try network(model, Double.self, compute)
    func output(_ network: Network<Double>) throws -> [Double] {
      let run = Run(network, Tape(compute), try Positions(network, Windows(length: 3), compute))
      return try network.output(.tokens([5, 6, 7]), run).numbers
    }
    let (first, second) = (try output(adapted), try output(merged))
    #expect(distance(first, second) <= 1e-6)
    #expect(distance(first, try output(network(checkpoint("gemma2"), Double.self, compute))) > 1e-3)
  }
}
