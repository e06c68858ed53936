import Base
package import Caches
package import Checkpoints
import Networks
import Synchronization
import TensorCore

/// A cache that a model computes layer by layer: a temporary file with the keys and values of all layers, as float32.
///
/// Its tensors can be planned before they are computed, and read after it.
package final class ComputedCache: Sendable {
  /// The dimensions of keys and of values: [batch, kv heads, tokens, head dim].
  private let shape: [Int]
  private let layerCount: Int
  private let file = Mutex<TemporaryFile?>(nil)

  /// - Parameter tokenCount: The number of tokens in the cache.
  package init(of model: EvaluatedModel, tokenCount: Int) {
    shape = [1, model.keyValueHeadCount, tokenCount, model.headDim]
    layerCount = model.layerCount
  }

  /// The name of the layout of a cache that no file contains yet.
  package static let layout = "computed"

  private var tensorByteCount: Int { 4 * shape.reduce(1, *) }

  /// Returns the cache.
  /// - Parameter origin: A checkpoint without tensors, with identity and lineage of the model.
  package func cache(tokenIDs: [Int32], origin: Checkpoint) throws -> KVCache {
    func tensor(_ name: String, _ number: Int) throws -> LazyTensor {
      let info = try TensorInfo(name: name, dtype: .f32, shape: Shape(shape))
      let byteOffset = number * tensorByteCount
      return LazyTensor(
        info: info, source: ComputedSource(cache: self, byteOffset: byteOffset),
        stored: StoredForm(
          file: origin.path, byteOffset: byteOffset, byteCount: info.byteCount, dtype: .f32))
    }
    return try KVCache(
      layout: Self.layout,
      layers: try (0..<layerCount).map { layer in
        KVCache.Layer(
          number: layer, key: try tensor(KVCache.keyName(layer), 2 * layer),
          value: try tensor(KVCache.valueName(layer), 2 * layer + 1))
      }, tokenIDs: tokenIDs, origin: origin)
  }

  // MARK: Storing

  /// Creates the file, before the first layer is stored.
  func begin(in folder: String) throws {
    let new = try TemporaryFile(in: folder)
    file.withLock { $0 = new }
  }

  fileprivate var openFile: TemporaryFile {
    guard let file = file.withLock({ $0 }) else {
      // The run that fills the cache begins it before its first layer, and an output reads values after that run.
      preconditionFailure("a cache is read before it is computed")
    }
    return file
  }

  /// The number of bytes of a piece that is stored at once.
  static let pieceByteCount = 1 << 18

  /// Stores the keys and values of a layer.
  func store(_ layer: LayerCache, number: Int, _ compute: Compute) throws {
    for (part, rows) in [layer.keys, layer.values].enumerated() {
      // A cache has at least one token, and each group that runs through the layer sets both.
      guard let rows else { preconditionFailure("all tokens run before a layer is stored") }
      try store(rows, at: (2 * number + part) * tensorByteCount, compute)
    }
  }

  /// Stores rows `[tokens, kv heads · head dim]` head by head.
  private func store(_ rows: Value<Float>, at start: Int, _ compute: Compute) throws {
    let (headCount, tokenCount, dim) = (shape[1], shape[2], shape[3])
    let file = openFile
    let size = max(1, Self.pieceByteCount / (4 * dim))
    let pieceCount = (tokenCount + size - 1) / size
    try compute.forEach(headCount * pieceCount) { item in
      let (head, piece) = item.quotientAndRemainder(dividingBy: pieceCount)
      let tokens = piece * size..<min(tokenCount, (piece + 1) * size)
      var buffer = ByteBuffer(byteCount: 4 * dim * tokens.count)
      var bytes = buffer.mutableBytes
      let source = rows.span
      // SAFETY: float32 numbers have no padding.
      let all = unsafe source.bytes
      for token in tokens {
        let place = 4 * dim * (token * headCount + head)
        bytes.copy(
          all.extracting(place..<place + 4 * dim), at: 4 * dim * (token - tokens.lowerBound))
      }
      try file.write(
        bytes.bytes, at: start + 4 * dim * (head * tokenCount + tokens.lowerBound))
    }
  }
}

/// The keys or values of a layer of a computed cache.
private struct ComputedSource: TensorSource {
  let cache: ComputedCache
  let byteOffset: Int

  func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try cache.openFile.read(at: byteOffset + 4 * elements.lowerBound, into: &values)
  }
}
