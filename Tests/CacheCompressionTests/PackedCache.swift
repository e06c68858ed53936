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

/// Caches that tests make, pack and read back.
enum PackedCache {
  static func cache(_ layers: [(key: LazyTensor, value: LazyTensor)]) throws -> KVCache {
    try KVCache(
      layout: "safetensors",
      layers: layers.enumerated().map { number, layer in
        KVCache.Layer(
          number: number, key: layer.key.renamed(KVCache.keyName(number)),
          value: layer.value.renamed(KVCache.valueName(number)))
      },
      origin: Checkpoint(
        path: "memory", container: .memory, tensors: [],
        identity: InputIdentity(hash: "00", byteCount: 0), files: []))
  }

  static func random(_ dimensions: [Int], layers: Int = 1, seed: UInt64 = 1) throws -> KVCache {
    try cache(
      (0..<layers).map { layer in
        (
          try .random("k\(layer)", dimensions, seed: seed + 2 * UInt64(layer)),
          try .random("v\(layer)", dimensions, seed: seed + 2 * UInt64(layer) + 1)
        )
      })
  }

  static func floats(_ dimensions: [Int], _ value: (Int) -> Float) throws -> KVCache {
    let values = (0..<dimensions.reduce(1, *)).map(value)
    let tensor = try LazyTensor.floats("x", dimensions, values)
    return try cache([(tensor, tensor)])
  }

  /// Returns the cache of a real prompt: 4 layers, 2 kv heads, head dim 32, 128 tokens.
  static func prompt() throws -> KVCache {
    try CacheLayouts.read([Fixtures.path("caches/prompt.safetensors")], CacheHints())
  }

  static func write(
    _ checkpoint: Checkpoint, to path: String, compression: Compression? = nil,
    workers: Int = 2
  ) throws {
    var options = WriterOptions()
    options.compression = compression
    let job = try OutputJob(
      checkpoint, to: path, container: PackedContainer.self, options: options,
      replacesExisting: true)
    try job.writer.write(
      to: AtomicOutput(path: path, replacesExisting: true), engine: .test(workers: workers))
  }

  /// Packs a cache, and reads it back.
  static func packed(
    _ cache: KVCache, _ settings: GearSettings, residual: Int = 0, start: CacheStart? = nil,
    in folder: TemporaryFolder, name: String = "packed.sumac"
  ) throws -> KVCache {
    let packing = CachePacking(cache, settings, recentCount: residual, start: start)
    try #require(packing.errors.isEmpty, "\(packing.errors)")
    try write(packing.packed(), to: folder[name])
    return try CacheLayouts.read([folder[name]], CacheHints())
  }
}

extension GearSettings {
  static func make(
    _ method: Method, bits: Int, group: Int = 64, outliers: Double = 0.02, rank: Int = 4,
    isOfficial: Bool = false
  ) -> GearSettings {
    var settings = GearSettings()
    settings.bits = bits
    settings.keyGroup = method.hasGroups ? group : nil
    settings.valueGroup = settings.keyGroup
    settings.outlierShare = method.hasOutliers ? outliers : 0
    settings.rank = method.hasProduct ? rank : 0
    settings.isOfficial = isOfficial
    return settings
  }
}
