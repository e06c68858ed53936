import Base
import Caches
import Checkpoints
import Containers
import TensorCore
import TestSupport
import Testing

/// Writing caches for other programs.
@Suite struct WritingTests {
  static let layouts = CacheLayouts.writable.map { $0.name }

  /// Writes a cache and returns its paths.
  static func write(
    _ cache: KVCache, _ layout: String, to folder: TemporaryFolder, dtype: String? = nil,
    _ hints: CacheHints = CacheHints()
  ) throws -> [String] {
    let target = try #require(CacheLayouts.writable.first { $0.name == layout })
    let names = [
      "vllm": "out", "vllm-older": "out", "lmcache": "out", "llamacpp": "out.seq",
    ]
    let path = folder[names[layout] ?? "out.safetensors"]
    let writer = try target.checkedWriter(
      cache, CacheOutput(path: path, dtype: dtype, hints: hints))
    try writer.write(to: AtomicOutput(path: path, replacesExisting: true), engine: .test())
    return [layout == "lmcache" ? path + "/chunk.pt" : path]
  }

  static func cache(
    heads: Int, tokens: Int, dim: Int, layers: Int = 3, seed: UInt64 = 1
  ) throws -> KVCache {
    let ids = KVCache.numbers(KVCache.tokensName, (0..<Int32(tokens)).map { 7 * $0 })
    return try KVCache(
      layout: "safetensors",
      layers: (0..<layers).map { number in
        KVCache.Layer(
          number: number,
          key: try .random(
            KVCache.keyName(number), [1, heads, tokens, dim], seed: seed + UInt64(number)),
          value: try .random(
            KVCache.valueName(number), [1, heads, tokens, dim], seed: seed + 50 + UInt64(number)))
      }, others: [ids], tokenIDs: (0..<Int32(tokens)).map { 7 * $0 },
      origin: Checkpoint(
        path: "memory", container: .memory, tensors: [],
        identity: InputIdentity(hash: "00", byteCount: 0), files: []))
  }

  @Test(
    "every layout reads back what was written", arguments: layouts,
    [(1, 1, 2), (3, 37, 32), (8, 300, 16), (2, 17, 6)])
  func roundTrip(layout: String, shape: (Int, Int, Int)) throws {
    let folder = try TemporaryFolder()
    let cache = try Self.cache(heads: shape.0, tokens: shape.1, dim: shape.2)
    for dtype in [DType.f32, .f16, .bf16] {
      let given = try cache.cast(to: dtype)
      let paths = try Self.write(given, layout, to: folder)
      var hints = CacheHints()
      (hints.heads, hints.headDim) = (shape.0, shape.2)
      hints.layout = layout
      let found = try CacheLayouts.read(paths, hints)
      #expect(found.layers[0].key.info.dtype == dtype)
      #expect(found.dimensions == given.dimensions)
      #expect(try found.values() == given.values(), "\(dtype.name)")
    }
  }

  @Test(
    "files of llama.cpp are written byte for byte as llama.cpp writes them",
    arguments: [("a64-f32.seq", nil), ("a64-f16.seq", nil), ("b32-f32-unified2.seq", 1)])
  func sameBytes(name: String, sequence: Int?) throws {
    let folder = try TemporaryFolder()
    var fixture = CacheFixture.named("a64-f16.seq")
    fixture.files = ["llama/" + name]
    fixture.shape = name.hasPrefix("a64") ? CacheFixture.a : CacheFixture.b
    fixture.sequence = sequence
    for pairing in [CacheHints.Pairing.halves, .adjacent] {
      var hints = CacheHints()
      hints.pairing = pairing
      let cache = try fixture.read { $0.pairing = pairing }
      let path = try Self.write(cache, "llamacpp", to: folder, hints)[0]
      #expect(try folder.bytes("out.seq") == Fixtures.bytes("caches/llama/" + name), "\(path)")
    }
  }

  @Test("quantized heads are close to the original, rotated or not", arguments: [true, false])
  func quantized(isRotated: Bool) throws {
    let folder = try TemporaryFolder()
    let source = try Containers.read(Fixtures.path("caches/llama/a64.hf-order.safetensors"))
    var tensors = source.tensors
    tensors.append(KVCache.numbers(KVCache.tokensName, Array(0..<37)))
    try ReadingTests.write(tensors, to: folder["in.safetensors"])
    let cache = try CacheLayouts.read([folder["in.safetensors"]], CacheHints())
    var hints = CacheHints()
    hints.rotated = isRotated ? .auto : .no
    (hints.heads, hints.headDim) = CacheFixture.a
    for (type, tolerance) in [("q8_0", 0.006), ("q4_0", 0.11)] {
      let paths = try Self.write(cache, "llamacpp", to: folder, dtype: type, hints)
      let found = try CacheLayouts.read(paths, hints).values()
      for (name, wanted) in try cache.values() {
        let values = try #require(found[name])
        let relative = relativeError(values, wanted)
        #expect(relative < tolerance && relative > 0, "\(type) \(name): \(relative)")
      }
      // With the opposite hint, other values are read.
      hints.rotated = isRotated ? .no : .yes
      #expect(try CacheLayouts.read(paths, hints).values() != found)
      hints.rotated = isRotated ? .auto : .no
    }
  }

  @Test("positions with a gap are kept in layouts that store positions")
  func positions() throws {
    let folder = try TemporaryFolder()
    let cache = try CacheFixture.named("b32-f16-gap").read()
    var hints = CacheHints()
    hints.pairing = .halves
    (hints.heads, hints.headDim) = CacheFixture.b
    for layout in Self.layouts {
      let target = try #require(CacheLayouts.writable.first { $0.name == layout })
      let found = try CacheLayouts.read(
        Self.write(cache, layout, to: folder, hints), hints)
      #expect(target.holdsPositions == (found.positions == cache.positions), "\(layout)")
      let losses = target.losses(of: cache)
      #expect(losses.contains { $0.contains("positions") } == !target.holdsPositions)
    }
  }

  @Test("a missing layer is reported, and refused in layouts without layer numbers")
  func missingLayer() throws {
    let folder = try TemporaryFolder()
    let all = try Self.cache(heads: 2, tokens: 16, dim: 8)
    let some = try KVCache(
      layout: "safetensors", layers: [all.layers[0], all.layers[2]], tokenIDs: all.tokenIDs,
      origin: all.origin)
    for layout in Self.layouts {
      let target = try #require(CacheLayouts.writable.first { $0.name == layout })
      guard target.numbersLayers else {
        #expect { try Self.write(some, layout, to: folder) } throws: {
          "\($0)".contains("has no layer 1, but \(layout) numbers layers by their order")
        }
        continue
      }
      var hints = CacheHints()
      (hints.heads, hints.headDim) = (2, 8)
      let found = try CacheLayouts.read(Self.write(some, layout, to: folder), hints)
      #expect(found.layers.map(\.number) == [0, 2])
      #expect(found.origin.notes.contains { $0.contains("none numbered 1") })
    }
  }

  @Test("a cast refuses values out of range and keeps infinite values")
  func cast() throws {
    let cache = try KVCache(
      layout: "safetensors",
      layers: [
        KVCache.Layer(
          number: 0, key: try .floats("k", [1, 1, 2, 2], [1, .infinity, 65_519, -2]),
          value: try .floats("v", [1, 1, 2, 2], [1, .nan, 3, 65_520]))
      ],
      origin: Checkpoint(
        path: "memory", container: .memory, tensors: [],
        identity: InputIdentity(hash: "00", byteCount: 0), files: []))
    let half = try cache.cast(to: .f16)
    #expect(try half.layers[0].key.values() == [1, .infinity, 65_504, -2])
    #expect { try half.layers[0].value.bytes() } throws: {
      "\($0)".contains("tensor 'v': value [0, 0, 1, 1] is beyond the range of F16")
    }
  }

  @Test("the dtype in a chunk's name must be that of its values")
  func chunkName() throws {
    let folder = try TemporaryFolder()
    let cache = try Self.cache(heads: 1, tokens: 4, dim: 2)
    let target = try #require(CacheLayouts.writable.first { $0.name == "lmcache" })
    for (name, isRight) in [
      ("x@1@0@22@half.pt", false), ("x@1@0@22@float.pt", true), ("e@x@1@0@22.pt", true),
    ] {
      let request = CacheOutput(path: folder[name])
      if isRight {
        _ = try target.checkedWriter(cache, request)
      } else {
        #expect { _ = try target.checkedWriter(cache, request) } throws: {
          "\($0)".contains("says F16, but the values are F32")
        }
      }
    }
    // The order of chunks is not needed for a folder with only one.
    let paths = try Self.write(cache, "lmcache", to: folder)
    var hints = CacheHints()
    (hints.heads, hints.headDim) = (1, 2)
    let found = try CacheLayouts.read([folder["out"]], hints)
    #expect(try found.values() == CacheLayouts.read(paths, hints).values())
    try folder.write(try folder.bytes("out/chunk.pt"), to: "out/other.pt")
    #expect { _ = try CacheLayouts.read([folder["out"]], hints) } throws: {
      "\($0)".contains("contains 2 chunks")
    }
  }

  @Test(
    "values that a type cannot represent are refused with their tensor",
    arguments: ["f16", "q4_0", "q8_0"])
  func range(type: String) throws {
    let folder = try TemporaryFolder()
    var values = [Float](repeating: 1, count: 64)
    values[40] = 1e7
    let cache = try KVCache(
      layout: "safetensors",
      layers: [
        KVCache.Layer(
          number: 0, key: try .floats("layers.0.key", [1, 1, 2, 32], values),
          value: try .floats("layers.0.value", [1, 1, 2, 32], values))
      ], tokenIDs: [1, 2],
      origin: Checkpoint(
        path: "memory", container: .memory, tensors: [],
        identity: InputIdentity(hash: "00", byteCount: 0), files: []))
    #expect { try Self.write(cache, "llamacpp", to: folder, dtype: type) } throws: {
      "\($0)".contains("cannot represent") && "\($0)".contains("layers.0.")
    }
    #expect(try folder.names().isEmpty)
  }
}
