import Base
import Checkpoints
import TensorCore

extension MLXLayout: WritableCacheLayout {
  package static let holdsAll = false

  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    var tensors: [LazyTensor] = []
    var metadata = [("2.0", "")]
    for (index, layer) in cache.layers.enumerated() {
      tensors.append(layer.key.renamed("\(index).0"))
      tensors.append(layer.value.renamed("\(index).1"))
      let scalar = "\(index).2"
      let info = try TensorInfo(name: scalar, dtype: .i32, shape: Shape([]))
      tensors.append(
        LazyTensor(
          info: info,
          source: MemoryTensorSource(
            info: info,
            values: (0..<4).map { UInt8(truncatingIfNeeded: cache.tokenCount >> (8 * $0)) }),
          stored: StoredForm(file: "", byteOffset: 0, byteCount: 4, dtype: .i32)))
      metadata.append(("1.\(index)", "KVCache"))
      metadata.append(("2.\(index + 1).0", scalar))
      metadata.append(("2.\(index + 1).1", "scalar"))
    }
    return try writer(tensors, metadata, userPrefix: "0.", cache, request)
  }

  fileprivate static func writer(
    _ tensors: [LazyTensor], _ metadata: [(String, String)], userPrefix: String,
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    var metadata = metadata
    for layer in cache.layers {
      for tensor in [layer.key, layer.value] where !FiniteSource.isChecked(tensor.info.dtype) {
        throw FormatError(
          .cacheLayout, "is \(tensor.info.dtype.name), expected F16, BF16 or F32",
          path: cache.origin.path, tensor: tensor.name,
          hint: "choose another dtype with \(setting: "dtype")")
      }
    }
    for datum in cache.origin.metadata
    where !datum.key.hasPrefix("sumac.") && datum.key != "format" {
      metadata.append((userPrefix + datum.key, datum.value.text))
    }
    return CacheFilesWriter(
      [
        try CacheFilesWriter.File(
          name: "", safetensors: tensors,
          metadata: metadata.map { Checkpoint.Metadatum(key: $0.0, value: $0.1) },
          path: request.path)
      ], isDirectory: false)
  }
}

/// The layout of mlx-lm's prompt caches before 0.32.0, which newer versions of mlx-lm no longer read.
package enum OlderMLXLayout: WritableCacheLayout {
  package static let name = "mlx-older"
  package static let summary = "an mlx-lm prompt cache before 0.32.0"
  package static let holdsAll = false

  package static func recognizes(_ files: CacheFiles) throws -> Bool { false }

  package static func read(_ files: CacheFiles, _ hints: CacheHints) throws -> KVCache {
    try MLXLayout.read(files, hints)
  }

  package static func writer(
    _ cache: KVCache, _ request: CacheOutput
  ) throws -> CacheFilesWriter {
    var tensors: [LazyTensor] = []
    var metadata: [(String, String)] = []
    for (index, layer) in cache.layers.enumerated() {
      tensors.append(layer.key.renamed("\(index).0"))
      tensors.append(layer.value.renamed("\(index).1"))
      metadata.append(("0.\(index)", ""))
      metadata.append(("2.\(index)", "KVCache"))
    }
    return try MLXLayout.writer(tensors, metadata, userPrefix: "1.", cache, request)
  }
}
