import Base
import Caches
import Checkpoints
import Containers
import TensorCore
import TestSupport
import Testing

/// The files of a cache of another program, the facts given to its reader, and the expected values.
struct CacheFixture: Sendable, CustomTestStringConvertible {
  var files: [String]
  var expected: String
  var layout: String
  var shape: (heads: Int, dim: Int)?
  var layers: Int?
  var sequence: Int?
  var rotated = CacheHints.Choice.auto
  /// The maximum error, relative to the largest value.
  var tolerance = 0.0

  var testDescription: String { files[0] + (sequence.map { " \($0)" } ?? "") }

  var hints: CacheHints {
    var hints = CacheHints()
    hints.heads = shape?.heads
    hints.headDim = shape?.dim
    hints.layers = layers
    hints.sequence = sequence
    hints.rotated = rotated
    // Expected values have the order of the file.
    hints.pairing = .halves
    return hints
  }

  func read(_ change: (inout CacheHints) -> Void = { _ in }) throws -> KVCache {
    var hints = hints
    change(&hints)
    return try CacheLayouts.read(files.map { Fixtures.path("caches/" + $0) }, hints)
  }

  static let (a, b) = ((heads: 2, dim: 64), (heads: 3, dim: 32))

  static let llama: [CacheFixture] = [
    llama("a64-f16.seq", a), llama("a64-f16-vtrans.seq", a),
    llama("a64-q8_0-rot.seq", a, tolerance: 1e-5),
    CacheFixture(
      files: ["llama/a64-q8_0-norot.seq"], expected: "llama/a64-q8_0-norot.seq",
      layout: "llamacpp", shape: a, rotated: .no),
    llama("b32-f16-gap.seq", b), llama("b32-f16-stream1of2.seq", b), llama("b32-q8_0.seq", b),
    llama("b32-q4_0.seq", b),
    llama("b32-q8_0-v2.constructed.seq", b, expected: "b32-q8_0.seq"),
    llama("b32-q8_0-v2old.constructed.seq", b, expected: "b32-q8_0.seq"),
  ]

  private static func llama(
    _ name: String, _ shape: (heads: Int, dim: Int), expected: String? = nil,
    tolerance: Double = 0
  ) -> CacheFixture {
    CacheFixture(
      files: ["llama/" + name], expected: "llama/" + (expected ?? name), layout: "llamacpp",
      shape: shape, tolerance: tolerance)
  }

  static let mlx: [CacheFixture] = Fixtures.names(
    in: "caches/mlx", suffix: ".expected.safetensors"
  ).map { name in
    let stem = "mlx/" + name.dropLast(".expected.safetensors".count)
    return CacheFixture(files: [stem + ".safetensors"], expected: stem, layout: "mlx")
  }

  static let others: [CacheFixture] =
    [
      "b32-i_keys", "b32-layer_i_keys", "b32-past_key_values", "b32-layers_i_k",
    ].map {
      CacheFixture(
        files: ["safetensors/\($0).safetensors"], expected: "safetensors/b32",
        layout: "safetensors")
    } + [
      CacheFixture(
        files: ["vllm/b32-newer-bf5e62858d9574a7bcadd643c30173e2"], expected: "vllm/b32",
        layout: "vllm"),
      CacheFixture(
        files: ["vllm/b32-older-bf5e62858d9574a7bcadd643c30173e2"], expected: "vllm/b32",
        layout: "vllm", shape: b),
      CacheFixture(
        files: Fixtures.names(in: "caches/lmcache", suffix: ".pt").map { "lmcache/" + $0 },
        expected: "lmcache/b32", layout: "lmcache", shape: b),
      // The first chunk is the larger one.
      CacheFixture(
        files: Fixtures.names(in: "caches/lmcache/two-chunks").map { "lmcache/two-chunks/" + $0 },
        expected: "lmcache/b32", layout: "lmcache", shape: b, layers: 2),
    ]

  static let transformers: [CacheFixture] = [
    "float16-dict", "float16-dynamic-cache", "float16-legacy-tuple", "float32-list",
  ].map {
    CacheFixture(
      files: ["transformers/m32-\($0).pt"], expected: "transformers/m32-float16",
      layout: "transformers")
  }

  static let all = llama + mlx + others + transformers

  static func named(_ name: String) -> CacheFixture { all.first { $0.files[0].contains(name) }! }
}

extension KVCache {
  /// Returns the values of all layers as float32, by name.
  func values() throws -> [String: [Float]] {
    var values: [String: [Float]] = [:]
    for layer in layers {
      for (tensor, name) in [(layer.key, "k"), (layer.value, "v")] {
        values["layers.\(layer.number).\(name)"] = try tensor.values()
      }
    }
    return values
  }
}

extension Checkpoint {
  /// Returns the expected values of a fixture, by name.
  static func expected(_ name: String) throws -> [String: [Float]] {
    let file = try Containers.read(Fixtures.path("caches/\(name).expected.safetensors"))
    return Dictionary(
      uniqueKeysWithValues: try file.tensors.map { ($0.name, try $0.values()) })
  }
}

extension Checkpoint {
  func tensor(_ name: String) throws -> LazyTensor {
    try #require(tensors.first { $0.name == name }, "\(name)")
  }
}

/// Returns an error with its hint as text.
func said(_ error: any Error) -> String {
  guard let error = error as? any UserError else { return "\(error)" }
  return error.message.text(.commandLine) + " " + (error.hint?.text(.commandLine) ?? "")
}
