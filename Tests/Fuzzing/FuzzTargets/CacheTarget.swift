import Base
import Caches
import Checkpoints
import TensorCore

/// The fuzz target for caches. The first byte selects the layout, the second the hints; the rest are two files.
enum CacheTarget {
  /// The names of the two files for each layout, and the part of the folder that is the cache.
  private static func names(_ layout: String) -> (files: [String], cache: String) {
    switch layout {
    case VLLMLayout.name, OlderVLLMLayout.name:
      let files = (0..<2).map { "cache/model.layers.\($0).self_attn.attn.safetensors" }
      return (files, "cache")
    case LMCacheLayout.name: return (["chunk.pt", "chunk.pt.meta"], "chunk.pt")
    default: return (["cache", "other"], "cache")
    }
  }

  static func run(_ bytes: [UInt8]) {
    guard bytes.count > 2 else { return }
    var hints = CacheHints()
    hints.layout = CacheLayouts.all[Int(bytes[0]) % CacheLayouts.all.count].name
    if bytes[1] & 1 != 0 { (hints.heads, hints.headDim) = (2, 32) }
    if bytes[1] & 2 != 0 { hints.layers = 2 }
    if bytes[1] & 4 != 0 { hints.dtype = .f16 }
    if bytes[1] & 8 != 0 { hints.pairing = .adjacent }
    if bytes[1] & 16 != 0 { hints.rotated = .yes }
    let (files, name) = names(hints.layout ?? "")
    let parts = FuzzFolder.parts(Array(bytes.dropFirst(2)), count: 2)
    FuzzFolder.with(Array(zip(files, parts)).map { (name: $0, bytes: $1) }) { path in
      let cache = try CacheLayouts.read([path + "/" + name], hints)
      for layer in cache.layers {
        for tensor in [layer.key, layer.value] where tensor.info.byteCount < 1 << 20 {
          _ = try tensor.bytes()
        }
      }
    }
  }
}
