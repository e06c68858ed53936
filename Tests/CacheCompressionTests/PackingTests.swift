import Base
import CacheCompression
import Caches
import Checkpoints
import Codecs
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// Tests packed caches of many shapes.
@Suite struct PackingTests {
  static let methods = GearSettings.Method.allCases

  @Test(
    "tails, single tokens and small heads keep their shapes with small errors", arguments: methods)
  func shapes(method: GearSettings.Method) throws {
    let folder = try TemporaryFolder()
    for (index, dimensions) in [
      [1, 1, 1, 1], [1, 2, 3, 4], [2, 3, 65, 8], [1, 1, 100, 33], [3, 2, 64, 16], [1, 5, 129, 7],
    ].enumerated() {
      let cache = try PackedCache.random(dimensions, seed: UInt64(index))
      let rank = min(dimensions[2], dimensions[3], 2)
      for bits in [2, 8] {
        let found = try PackedCache.packed(
          cache, .make(method, bits: bits, group: 20, rank: rank), in: folder)
        for (mine, theirs) in [
          (found.layers[0].key, cache.layers[0].key),
          (found.layers[0].value, cache.layers[0].value),
        ] {
          #expect(mine.info.shape == theirs.info.shape)
          let error = relativeError(try mine.values(), try theirs.values())
          #expect(error < (bits == 8 ? 0.02 : 0.7), "\(dimensions) \(bits): \(error)")
        }
      }
    }
  }

  @Test("constant values are exact, and nothing becomes NaN", arguments: methods)
  func constants(method: GearSettings.Method) throws {
    let folder = try TemporaryFolder()
    let settings = GearSettings.make(method, bits: 2, group: 16)
    for value in [Float(0), 1.5, -3, 1e30, 1e-30, 65504, 70000] {
      let cache = try PackedCache.floats([1, 2, 48, 16]) { _ in value }
      let found = try PackedCache.packed(cache, settings, in: folder)
      let error = relativeError(
        try found.layers[0].key.values(), try cache.layers[0].key.values())
      // A minimum outside the range of half precision is rounded with its scale.
      #expect(error < (value == 70000 ? 2e-5 : 1e-6), "\(value): \(error)")
    }
    // A constant channel and a token of zeros among other values.
    let cache = try PackedCache.floats([1, 1, 64, 16]) { index in
      let (token, channel) = (index / 16, index % 16)
      return token == 7 ? 0 : channel == 3 ? 2.5 : Float((index * 7919) % 101) / 50 - 1
    }
    let found = try PackedCache.packed(cache, settings, in: folder)
    for tensor in [found.layers[0].key, found.layers[0].value] {
      #expect(try tensor.values().allSatisfy(\.isFinite))
    }
  }

  @Test(
    "values outside the range of half precision have the same relative error",
    arguments: [1e6, 1e20, 1e30, 1e37, 1e-6, 1e-20, 1e-30, 1e-37, 0x1p-130])
  func scales(scale: Float) throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.random([1, 2, 96, 16], seed: 4)
    let scaled = try cache.scaled(by: scale)
    for method in [GearSettings.Method.kivi, .gearL, .gear, .gearKCVT] {
      let settings = GearSettings.make(method, bits: 4, group: 32)
      let (one, other) = (
        try PackedCache.packed(cache, settings, in: folder, name: "a.sumac"),
        try PackedCache.packed(scaled, settings, in: folder, name: "b.sumac")
      )
      let errors = try [(one, cache), (other, scaled)].map {
        relativeError(try $0.layers[0].value.values(), try $1.layers[0].value.values())
      }
      #expect(abs(errors[1] / errors[0] - 1) < 0.02, "\(method): \(errors)")
    }
  }

  @Test(
    "errors are small and extreme values exact in each dtype", arguments: [DType.f16, .bf16, .f32])
  func dtypes(dtype: DType) throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.random([1, 2, 130, 16], seed: 9).cast(to: dtype)
    let found = try PackedCache.packed(cache, .make(.gear, bits: 4, group: 32), in: folder)
    #expect(found.layers[0].key.info.dtype == dtype)
    #expect(
      relativeError(try found.layers[0].key.values(), try cache.layers[0].key.values()) < 0.08)
    // The smallest and the largest of the 130 tokens of each channel are exact.
    let (mine, theirs) = (
      try found.layers[0].key.values(), try cache.layers[0].key.values()
    )
    for head in 0..<2 {
      for channel in 0..<16 {
        let indices = (0..<130).map { (head * 130 + $0) * 16 + channel }
        let smallest = indices.min { theirs[$0] < theirs[$1] }!
        let largest = indices.max { theirs[$0] < theirs[$1] }!
        #expect(mine[smallest] == theirs[smallest] && mine[largest] == theirs[largest])
      }
    }
  }

  @Test(
    "the nearest product has a smaller error than power iteration, and more rounds reduce the gap")
  func products() throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.prompt()
    func error(_ rounds: Int, isNearest: Bool = false) throws -> Double {
      var settings = GearSettings.make(.gearL, bits: 2)
      (settings.roundCount, settings.isNearest) = (rounds, isNearest)
      let found = try PackedCache.packed(cache, settings, in: folder)
      return relativeError(try found.layers[1].key.values(), try cache.layers[1].key.values())
    }
    let errors = [try error(1), try error(3), try error(8), try error(3, isNearest: true)]
    #expect(errors == errors.sorted(by: >), "\(errors)")
    #expect(errors[1] / errors[3] < 1.05)
  }

  @Test("recent tokens are exact")
  func residual() throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.random([1, 3, 100, 8])
    let found = try PackedCache.packed(
      cache, .make(.gear, bits: 2, group: 16), residual: 36, in: folder)
    #expect(found.tokenCount == 100)
    let (mine, theirs) = (try found.layers[0].key.values(), try cache.layers[0].key.values())
    for head in 0..<3 {
      let range = (head * 100 + 64) * 8..<(head + 1) * 100 * 8
      #expect(mine[range] == theirs[range])
      let packed = head * 800..<(head * 100 + 64) * 8
      #expect(mine[packed] != theirs[packed])
    }
  }

  @Test("the number of workers and the effort do not change values", arguments: methods)
  func determinism(method: GearSettings.Method) throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.random([2, 3, 200, 16], layers: 2)
    let packed = try CachePacking(cache, .make(method, bits: 4)).packed()
    try PackedCache.write(packed, to: folder["a.sumac"], workers: 1)
    try PackedCache.write(packed, to: folder["b.sumac"], workers: 7)
    #expect(try folder.bytes("a.sumac") == folder.bytes("b.sumac"))
    try PackedCache.write(packed, to: folder["c.sumac"], compression: Compression.none)
    let (a, c) = (
      try CacheLayouts.read([folder["a.sumac"]], CacheHints()),
      try CacheLayouts.read([folder["c.sumac"]], CacheHints())
    )
    for (one, other) in zip(a.layers, c.layers) {
      #expect(try one.key.bytes() == other.key.bytes() && one.value.bytes() == other.value.bytes())
    }
  }

  @Test("a packed cache is smaller than the count of the paper", arguments: methods, [2, 4, 8])
  func sizes(method: GearSettings.Method, bits: Int) throws {
    let folder = try TemporaryFolder()
    let (heads, tokens, dim) = (8, 512, 64)
    let cache = try PackedCache.random([1, heads, tokens, dim]).cast(to: .f16)
    let settings = GearSettings.make(method, bits: bits)
    let found = try PackedCache.packed(cache, settings, in: folder)
    let inspection = try CacheInspection(found)
    // Codes, a scale and a minimum of 16 bits for each group, outliers with an index of 32 bits, and factors.
    let count = Double(heads * tokens * dim)
    let product = 16.0 * Double(settings.rank * (tokens + dim)) / Double(tokens * dim)
    for row in inspection.rows {
      let length =
        row.part == .key ? settings.keyGroup ?? tokens : settings.valueGroup ?? heads * dim
      let groups = 32 / Double(length)
      let outliers = settings.outlierShare * (16 + 32)
      let paper = (Double(bits) + groups + outliers + product) * count / 8
      #expect(
        Double(row.parts.total) < paper,
        "\(row.part): \(row.parts) is \(row.parts.total), not below \(paper)")
    }
  }

  @Test("a value that is not finite is refused with its index")
  func notFinite() throws {
    let folder = try TemporaryFolder()
    for value in [Float.nan, .infinity, -.infinity] {
      let cache = try PackedCache.floats([1, 2, 32, 8]) { $0 == 300 ? value : Float($0 % 7) }
      for method in Self.methods {
        #expect {
          try PackedCache.packed(cache, .make(method, bits: 4), in: folder)
        } throws: {
          let text = "\($0)"
          return text.contains("value [0, 1, 5, 4] is NaN or infinite")
            && text.contains("layers.0.")
        }
      }
    }
    #expect(try folder.names().isEmpty)
  }

  @Test("exact tokens are checked too, and reported with their index in the cache")
  func notFiniteResidual() throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.floats([1, 1, 40, 8]) { $0 == 38 * 8 + 2 ? .nan : 1 }
    #expect {
      try PackedCache.packed(cache, .make(.kivi, bits: 4, group: 8), residual: 8, in: folder)
    } throws: { "\($0)".contains("value [0, 0, 38, 2] is NaN") }
    // For appended tokens the index is that among the new tokens.
    let good = try PackedCache.floats([1, 1, 40, 8]) { Float($0 % 5) }
    _ = try PackedCache.packed(
      good, .make(.kivi, bits: 4, group: 8), residual: 3, in: folder, name: "p.sumac")
    for count in [2, 40] {
      let new = try PackedCache.floats([1, 1, count, 8]) { $0 == 9 ? .infinity : 1 }
      let appending = try CacheAppending(folder["p.sumac"], new, rank: nil)
      #expect {
        try PackedCache.write(appending.appended(), to: folder["q.sumac"])
      } throws: { "\($0)".contains("value [0, 0, 1, 1] is NaN or infinite") }
      #expect(!folder.exists("q.sumac"))
    }
  }

  @Test("default ranks are limited to the available dimensions")
  func clampedRank() throws {
    for (dimensions, residual, rank) in [
      ([1, 2, 1, 32], 0, 1), ([1, 2, 40, 2], 0, 2), ([1, 2, 40, 32], 39, 1),
      ([1, 2, 40, 32], 0, 4),
    ] {
      var settings = GearSettings.make(.gear, bits: 4)
      settings.clampRank(to: try PackedCache.random(dimensions), recentCount: residual)
      #expect(settings.rank == rank)
    }
  }

  @Test("caches that cannot be packed are reported before any work")
  func faults() throws {
    let cache = try PackedCache.random([1, 2, 10, 8])
    for (settings, residual, reason) in [
      (
        GearSettings.make(.gearL, bits: 4, rank: 9), 0,
        "'layers.0.key' (and 1 more) has 10 tokens to pack and head dim 8, expected both to be at least the rank, 9"
      ),
      (GearSettings.make(.kivi, bits: 4), 10, "is 10, expected fewer than the 10 tokens"),
      (
        GearSettings.make(.kivi, bits: 4, group: 4, isOfficial: true), 0,
        "expected a multiple of the group size 4"
      ),
      (GearSettings.make(.kivi, bits: 4, group: 5, isOfficial: true), 0, "16 entries in a token"),
    ] {
      let errors = CachePacking(cache, settings, recentCount: residual).errors
      #expect(errors.contains { "\($0)".contains(reason) }, "\(errors)")
    }
    let long = try PackedCache.floats([1, 1, 2, 5000]) { Float($0) }
    var nearest = GearSettings.make(.gearL, bits: 4, rank: 2)
    nearest.isNearest = true
    #expect(
      CachePacking(long, nearest).errors.contains {
        "\($0)".contains("has head dim 5000, expected 4096 or less with svd")
      })
    let wide = try cache.cast(to: .f64)
    let errors = CachePacking(wide, .make(.kivi, bits: 4)).errors
    #expect(errors.count == 1 && "\(errors[0])".contains("is F64, expected F16, BF16 or F32"))
  }
}

extension KVCache {
  /// Returns the cache with all values multiplied by a factor.
  fileprivate func scaled(by factor: Float) throws -> KVCache {
    try mapped { tensor in
      try .floats(
        tensor.name, tensor.info.shape.dimensions, tensor.values().map { $0 * factor })
    }
  }
}
