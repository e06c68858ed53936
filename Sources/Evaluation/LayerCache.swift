import Base
import Caches
import Checkpoints
import Networks
import TensorCore

/// The keys and values of a layer for the tokens that ran through its block, shape `[tokens, kv heads · head dim]`.
final class LayerCache {
  private(set) var keys: Value<Float>?
  private(set) var values: Value<Float>?

  /// Creates a cache without tokens.
  init() {}

  /// Reads a layer of a stored cache.
  /// - Parameter path: The path of the cache, for errors.
  /// - Throws: ``FormatError`` if a key or value is NaN or infinite, or the error of reading it.
  init(_ layer: KVCache.Layer, path: String, _ compute: Compute) throws {
    keys = try CacheRows(layer.key, path: path).value(compute)
    values = try CacheRows(layer.value, path: path).value(compute)
  }

  /// An observer that puts the keys and values before those of a group, and keeps both together.
  var observer: Observer<Float> {
    var observer = Observer<Float>()
    observer.cache = { [self] _ in
      // Attention asks for a cache only if tokens come before the group: those of a stored cache, which were read, or of
      // an earlier group, which set both.
      guard let keys, let values else { preconditionFailure("earlier tokens run first") }
      return (keys, values)
    }
    observer.extendedCache = { [self] _, keys, values in
      self.keys = keys
      self.values = values
    }
    return observer
  }
}

/// Keys or values `[1, kv heads, tokens, head dim]` of a stored cache, read as rows of tokens.
struct CacheRows {
  private let reader: FloatReader
  private let tokenCount: Int
  private let headCount: Int
  private let dim: Int

  init(_ tensor: LazyTensor, path: String) {
    let dimensions = tensor.info.shape.dimensions
    (headCount, tokenCount, dim) = (dimensions[1], dimensions[2], dimensions[3])
    reader = FloatReader(
      tensor,
      .refuse(.nonfinite) { tensor, problem in
        FormatError(
          .nonfiniteCache,
          "element \(problem.element) is NaN or infinite, expected finite keys and values",
          path: path, tensor: tensor.name, hint: "the cache is damaged; make it again")
      })
  }

  private var grid: ChunkGrid { reader.tensor.info.grid }

  /// The memory of a worker that reads a chunk, in bytes.
  var workerByteCount: Int { reader.workspace(elementCount: grid.largestChunk).byteCount }

  /// Returns the rows, chunk by chunk of the stored tensor.
  func value(_ compute: Compute) throws -> Value<Float> {
    let result = Value<Float>([tokenCount, headCount * dim], in: compute.arena)
    let grid = grid
    try compute.forEach(grid.count) { chunk in
      let elements = grid[chunk]
      let workspace = reader.workspace(elementCount: elements.count)
      var buffer = ByteBuffer(byteCount: workspace.byteCount)
      var room = buffer.mutableBytes
      try workspace.withSpans(of: &room) { floats, scratch in
        try reader.read(elements, into: &floats, scratch: &scratch)
        copy(floats.bytes, elements, to: result)
      }
    }
    return result
  }

  /// Copies the numbers of `elements` to the rows of their tokens.
  private func copy(
    _ floats: borrowing RawSpan, _ elements: Range<Int>, to result: Value<Float>
  ) {
    var target = result.mutableSpan
    // SAFETY: every bit pattern is a float32 number.
    var bytes = unsafe target.mutableBytes
    var element = elements.lowerBound
    while element < elements.upperBound {
      let (row, column) = element.quotientAndRemainder(dividingBy: dim)
      let (head, token) = row.quotientAndRemainder(dividingBy: tokenCount)
      let count = min(dim - column, elements.upperBound - element)
      let start = 4 * (element - elements.lowerBound)
      bytes.copy(
        floats.extracting(start..<start + 4 * count),
        at: 4 * ((token * headCount + head) * dim + column))
      element += count
    }
  }
}
