import Base
import CacheCompression
import Caches
import Checkpoints
import Containers
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing

/// Tests appending new tokens to a packed cache, and the inspection of packed caches.
@Suite struct AppendingTests {
  /// Returns a range of the tokens of a cache.
  private static func tokens(_ range: Range<Int>, of cache: KVCache) throws -> KVCache {
    try cache.mapped { try TokenRange.tensor($0, range, named: $0.name) }
  }

  /// Returns the stored bytes of the chunks of a tensor.
  private static func chunks(
    _ name: String, _ folder: TemporaryFolder, _ file: String
  ) throws -> [[UInt8]] {
    let bytes = try folder.bytes(file)
    let checkpoint = try Containers.read(folder[file])
    let tensor = try #require(checkpoint.tensors.first { $0.name == name })
    let source = try #require(tensor.source as? PackedTensorSource)
    let terms = try #require(source.reader.tensor(ofEntry: source.entry)).terms.count
    let first = source.reader.segment(ofTerm: 0, entry: source.entry)
    let end = source.reader.segment(ofTerm: terms, entry: source.entry)
    return (first..<end).flatMap { segment in
      (0..<source.reader.chunkCount(ofSegment: segment)).map { chunk in
        let record = source.reader.record(segment: segment, chunk: chunk)
        return Array(bytes[record.byteOffset..<record.byteOffset + record.storedByteCount])
      }
    }
  }

  @Test(
    "old blocks keep their bytes, complete groups form a new block, and the rest stays exact",
    arguments: [0, 20])
  func append(residual: Int) throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.random([1, 2, 200, 16], layers: 2)
    let settings = GearSettings.make(.gear, bits: 4, group: 32)
    _ = try PackedCache.packed(
      Self.tokens(0..<100, of: cache), settings, residual: residual, in: folder)
    let before = try Self.chunks("layers.1.key", folder, "packed.sumac")
    let appending = try CacheAppending(
      folder["packed.sumac"], Self.tokens(100..<200, of: cache), rank: nil)
    #expect(appending.errors.isEmpty)
    // The tokens that were exact are part of the new block.
    #expect(appending.blockTokenCount == 96)
    #expect(appending.exactTokenCount == 4 + residual)
    try PackedCache.write(appending.appended(), to: folder["all.sumac"])
    #expect(try Self.chunks("layers.1.key", folder, "all.sumac") == before)
    let all = try CacheLayouts.read([folder["all.sumac"]], CacheHints())
    #expect(all.tokenCount == 200)
    let (found, wanted) = (try all.layers[1].key.values(), try cache.layers[1].key.values())
    #expect(relativeError(found, wanted) < 0.08)
    for head in 0..<2 {
      let end = (head + 1) * 200 * 16
      let exact = end - (4 + residual) * 16..<end
      #expect(found[exact] == wanted[exact])
    }
    // The rank of a new block is half of that of the first.
    let checkpoint = try Containers.read(folder["all.sumac"])
    let names = checkpoint.tensors.map(\.name).filter { $0.hasPrefix("layers.0.key") }
    #expect(
      names.sorted() == ["layers.0.key", "layers.0.key.block.1", "layers.0.key.recent"])
    let label = try #require(
      checkpoint.tensors.first { $0.name == "layers.0.key.block.1" }?.stored.label)
    #expect(label.contains("lowrank:2"), "\(label)")
  }

  @Test("tokens stay exact until they fill a group")
  func few() throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.random([1, 1, 120, 8])
    _ = try PackedCache.packed(
      Self.tokens(0..<64, of: cache), .make(.gearL, bits: 4, group: 32), in: folder, name: "0")
    var end = 64
    for (step, count) in [7, 20, 6, 23].enumerated() {
      let appending = try CacheAppending(
        folder["\(step)"], Self.tokens(end..<end + count, of: cache), rank: 3)
      end += count
      #expect(appending.blockTokenCount == [0, 0, 32, 0][step])
      try PackedCache.write(appending.appended(), to: folder["\(step + 1)"])
    }
    let all = try CacheLayouts.read([folder["4"]], CacheHints())
    #expect(all.tokenCount == 120)
    #expect(
      relativeError(try all.layers[0].value.values(), try cache.layers[0].value.values()) < 0.08)
  }

  @Test("tokens of another cache are refused")
  func faults() throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.random([1, 2, 64, 16], layers: 2)
    _ = try PackedCache.packed(cache, .make(.gear, bits: 4), in: folder)
    for (other, reason) in [
      (
        try PackedCache.random([1, 2, 64, 16], layers: 3),
        "has 3 layers, but the packed cache has 2"
      ),
      (
        try PackedCache.random([1, 3, 64, 16], layers: 2),
        "but the packed cache has F32 [1, 2, 64, 16]"
      ),
      (
        try PackedCache.random([1, 2, 64, 8], layers: 2),
        "but the packed cache has F32 [1, 2, 64, 16]"
      ),
      (
        try PackedCache.random([1, 2, 64, 16], layers: 2).cast(to: .f16),
        "is F16 [1, 2, 64, 16], but the packed cache has F32"
      ),
    ] {
      #expect {
        _ = try CacheAppending(folder["packed.sumac"], other, rank: nil)
      } throws: { "\($0)".contains(reason) }
    }
    #expect {
      _ = try CacheAppending(folder["packed.sumac"], cache, rank: 17)
    } throws: { "\($0)".contains("rank is 17, but the head dim is 16") }
    #expect {
      _ = try CacheAppending(Fixtures.path("caches/prompt.safetensors"), cache, rank: nil)
    } throws: { "\($0)".contains("is not a packed cache") }
  }

  @Test("caches of different models are refused, and dropped token ids are reported")
  func models() throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.random([1, 2, 64, 16])
    var details = CacheDetails()
    details.describeModel(named: "a", config: Array(#"{"rope_theta": 1e4}"#.utf8))
    let packing = CachePacking(cache, .make(.kivi, bits: 4), details: details)
    try PackedCache.write(packing.packed(), to: folder["packed.sumac"])
    var other = CacheDetails()
    other.describeModel(named: "b", config: Array(#"{"rope_theta": 5e5}"#.utf8))
    #expect {
      _ = try CacheAppending(folder["packed.sumac"], cache, rank: nil, newDetails: other)
    } throws: {
      "\($0)".contains("was computed by b (config ") && "\($0)".contains("the packed cache by a (")
    }
    let same = try CacheAppending(folder["packed.sumac"], cache, rank: nil, newDetails: details)
    #expect(same.losses.isEmpty)
    var named = cache
    named.tokenIDs = Array(0..<64)
    let lossy = try CacheAppending(folder["packed.sumac"], named, rank: nil)
    #expect(lossy.losses.count == 1 && lossy.losses[0].contains("the packed cache has none"))
    #expect(cache.repackingNotes.isEmpty)
    let packed = try CacheLayouts.read([folder["packed.sumac"]], CacheHints())
    #expect(packed.repackingNotes.count == 1)
  }

  @Test("parts add up to the stored bytes, and errors match those of the values")
  func inspection() throws {
    let folder = try TemporaryFolder()
    let cache = try PackedCache.prompt()
    let packed = try PackedCache.packed(
      cache, .make(.gear, bits: 2, group: 32), residual: 32, in: folder)
    var inspection = try CacheInspection(packed)
    let stored = try Containers.read(folder["packed.sumac"])
    for row in inspection.rows {
      let name = "layers.\(row.layer).\(row.part.rawValue)"
      let bytes = stored.tensors.filter { $0.name.hasPrefix(name) }.reduce(0) {
        $0 + $1.stored.byteCount
      }
      // The padding of segments is not part of any tensor.
      #expect(row.parts.total <= bytes && bytes - row.parts.total < 64 * 8, "\(name)")
      #expect(row.parts.codes > 0 && row.parts.outliers > 0 && row.parts.factors > 0)
      #expect(row.parts.indices > 0 && row.parts.scales > 0 && row.parts.exact > 0)
    }
    // The error combines the stored quality of packed blocks with the norm of exact tokens.
    let storedErrors = inspection.rows.map(\.error)
    try inspection.compare(with: cache, queries: .drawn(count: 4), engine: .test())
    for (index, layer) in cache.layers.enumerated() {
      let found = try packed.layers[index].key.values()
      let wanted = try layer.key.values()
      let row = inspection.rows[2 * index]
      #expect(abs(try #require(row.error) - relativeError(found, wanted)) < 1e-9)
      #expect(abs(try #require(storedErrors[2 * index]) - relativeError(found, wanted)) < 1e-9)
      #expect(row.headErrors.count == 2 && row.attentionError == nil)
      for head in 0..<2 {
        let range = head * 128 * 32..<(head + 1) * 128 * 32
        let error = relativeError(Array(found[range]), Array(wanted[range]))
        #expect(abs(row.headErrors[head] - error) < 1e-9)
      }
      let attention = try #require(inspection.rows[2 * index + 1].attentionError)
      #expect(attention > 0 && attention < 1)
    }
    var same = try CacheInspection(cache)
    try same.compare(with: cache, queries: .drawn(count: 2), engine: .test())
    #expect(same.rows.allSatisfy { $0.error == 0 && ($0.attentionError ?? 0) == 0 })
  }
}
