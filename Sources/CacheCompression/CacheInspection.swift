import Base
package import Caches
package import Checkpoints
import Codecs
import PackedFormat
import Packing
import Synchronization
import TensorCore

/// The sizes of the parts of a cache, and optionally its errors relative to another cache.
package struct CacheInspection: Sendable {
  /// The number of bytes of a packed tensor by kind of content.
  package struct Parts: Sendable, Equatable {
    package var codes = 0
    package var scales = 0
    package var factors = 0
    package var outliers = 0
    package var indices = 0
    /// Values that are stored unchanged or compressed without loss.
    package var exact = 0
    /// Stream tables.
    package var tables = 0

    package var total: Int {
      codes + scales + factors + outliers + indices + exact + tables
    }

    static func + (left: Parts, right: Parts) -> Parts {
      Parts(
        codes: left.codes + right.codes, scales: left.scales + right.scales,
        factors: left.factors + right.factors, outliers: left.outliers + right.outliers,
        indices: left.indices + right.indices, exact: left.exact + right.exact,
        tables: left.tables + right.tables)
    }
  }

  /// The keys or values of a layer.
  package struct Row: Sendable {
    package var layer: Int
    package var part: CachePart
    package var elementCount: Int
    package var parts: Parts
    /// The relative error ‖x − x̂‖ / ‖x‖, as measured by the writer or against the other cache; nil if unknown.
    package var error: Double?
    /// The relative error against another cache, for each head of each batch item.
    package var headErrors: [Double] = []
    /// The relative error of the attention outputs of the layer; set in the row of the values only.
    package var attentionError: Double?

    package var bitsPerElement: Double { 8 * Double(parts.total) / Double(elementCount) }
  }

  package let cache: KVCache
  package var rows: [Row] = []
  /// The number of stored bytes of tensors outside the layers, such as token ids.
  package private(set) var otherByteCount = 0

  /// Computes the sizes of the parts of a cache, and the errors measured by its writer.
  package init(_ cache: KVCache) throws {
    self.cache = cache
    let stored = Dictionary(
      cache.origin.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    otherByteCount = cache.others.reduce(0) { $0 + (stored[$1.name] ?? $1).stored.byteCount }
    for layer in cache.layers {
      for (part, tensor) in [(CachePart.key, layer.key), (.value, layer.value)] {
        let first = part == .key ? KVCache.keyName(layer.number) : KVCache.valueName(layer.number)
        var row = Row(
          layer: layer.number, part: part, elementCount: tensor.info.elementCount,
          parts: Parts())
        let blocks = cache.origin.tensors.filter {
          $0.name == first || CacheBlocks.block(named: $0.name)?.first == first
        }
        let packed = blocks.compactMap(\.packedOrigin)
        if packed.count == blocks.count, !packed.isEmpty {
          for origin in packed { row.parts = try row.parts + Self.parts(of: origin) }
          row.error = try Self.error(of: blocks)
        } else {
          row.parts.exact = (stored[tensor.name] ?? tensor).stored.byteCount
        }
        rows.append(row)
      }
    }
  }

  private static func parts(of origin: PackedOrigin) throws -> Parts {
    var parts = Parts()
    guard let entry = origin.entry, let tensor = origin.tensor else { return parts }
    let reader = origin.reader
    for (index, term) in tensor.terms.enumerated() {
      let first = reader.segment(ofTerm: index, entry: entry)
      let end = reader.segment(ofTerm: index + 1, entry: entry)
      for segment in first..<end {
        let count = reader.chunkCount(ofSegment: segment)
        for chunk in 0..<count {
          var streams = try reader.storedStreamByteCounts(segment: segment, chunk: chunk)
          if streams.count > 1 { parts.tables += streams.removeLast() }
          switch term.content {
          case .dense(let codec) where codec.isLossless: parts.exact += streams.reduce(0, +)
          case .dense:
            parts.codes += streams[0]
            parts.scales += streams.dropFirst().reduce(0, +)
          case .lowRank: parts.factors += streams.reduce(0, +)
          case .sparse:
            parts.indices += streams[0]
            parts.outliers += streams.dropFirst().reduce(0, +)
          case .unknown: parts.exact += streams.reduce(0, +)
          }
        }
      }
    }
    return parts
  }

  /// The maximum size in bytes of an exact block that is read to compute an error.
  private static let maximumReadByteCount = 64 << 20

  /// Returns the relative error over all blocks, as measured by their writers; nil if it is not known for all.
  private static func error(of blocks: [LazyTensor]) throws -> Double? {
    var (square, error) = (0.0, 0.0)
    var isMeasured = false
    for block in blocks {
      guard let tensor = block.packedOrigin?.tensor else { return nil }
      if let quality = tensor.quality {
        square += quality.norm * quality.norm
        error += quality.error * quality.error
        isMeasured = true
      } else {
        // Exact tokens add only to the norm, which is not stored and must be computed.
        guard block.info.byteCount <= maximumReadByteCount else { return nil }
        square += try squares(of: block)
      }
    }
    guard isMeasured else { return nil }
    return square > 0 ? (error / square).squareRoot() : 0
  }

  private static func squares(of tensor: LazyTensor) throws -> Double {
    let count = tensor.info.elementCount
    var values = ByteBuffer(byteCount: 4 * count)
    var span = values.mutableBytes
    let bytes = try tensor.bytes()
    try Kernels.best.convert(
      bytes.rawSpan, from: tensor.info.dtype, to: .f32, elementCount: count, saturating: false,
      into: &span)
    var distance = Distance()
    Kernels.best.addDistance(of: span.bytes, from: span.bytes, to: &distance)
    return distance.normSquares
  }

  // MARK: Against another cache

  /// Returns the number of bytes that each worker needs to compare caches: keys and values of one head of both.
  package func workerByteCount(queryCount: Int) -> Int {
    let dimensions = cache.dimensions
    let slab = 4 * dimensions[2] * dimensions[3]
    return 8 * slab
      + cache.layers.flatMap { [$0.key, $0.value] }.map {
        $0.source.scratchByteCount(elementCount: dimensions[2] * dimensions[3])
      }.max()! + 8 * queryCount * dimensions[2]
  }

  /// The number of bytes of the keys and values of all layers.
  package var comparedByteCount: Int {
    cache.layers.reduce(0) { $0 + $1.key.info.byteCount + $1.value.info.byteCount }
  }

  /// The attention queries of a comparison: read from a file, or drawn at random.
  package enum Queries: Sendable {
    case given(Checkpoint)
    case drawn(count: Int)
  }

  /// Computes the errors of the cache relative to another one of the same shape.
  ///
  /// - Throws: `UsageError` if the layers, shapes or queries do not match.
  package mutating func compare(
    with other: KVCache, queries: Queries, engine: Engine
  ) throws {
    guard cache.layers.map(\.number) == other.layers.map(\.number) else {
      throw UsageError(
        "\(cache.origin.path.printable): has other layers than \(other.origin.path.printable)",
        hint: "compare caches of the same model")
    }
    for index in cache.layers.indices {
      let (mine, theirs) = (cache.layers[index].finite, other.layers[index].finite)
      for (a, b) in [(mine.key, theirs.key), (mine.value, theirs.value)] {
        guard a.info.shape == b.info.shape else {
          throw UsageError(
            "'\(a.name.printable)' is \(a.info.shape), but \(b.info.shape) in the other cache",
            hint: "compare caches of the same tokens and model")
        }
      }
      let heads = mine.key.info.shape.dimensions[0] * mine.key.info.shape.dimensions[1]
      let found = Mutex([HeadComparison?](repeating: nil, count: heads))
      let drawn = try Self.queries(queries, mine)
      try engine.forEachPiece(
        count: heads, workspaceByteCount: workerByteCount(queryCount: 0)
      ) { head, workspace in
        let comparison = try HeadComparison(
          mine, theirs, head: head, queries: drawn, workspace: &workspace)
        found.withLock { $0[head] = comparison }
        engine.progress.advance(
          byteCount: (mine.key.info.byteCount + mine.value.info.byteCount) / heads)
      }
      let results = found.withLock { $0 }.compactMap(\.self)
      rows[2 * index].set(results.map(\.key))
      rows[2 * index + 1].set(results.map(\.value))
      rows[2 * index + 1].attentionError =
        (results.reduce(0) { $0 + $1.attention.squares }
        / max(.leastNormalMagnitude, results.reduce(0) { $0 + $1.attention.normSquares }))
        .squareRoot()
    }
  }

  private static func queries(
    _ queries: Queries, _ layer: KVCache.Layer
  ) throws -> HeadComparison.Queries {
    switch queries {
    case .drawn(let count): return .drawn(count: count, layer: layer.number)
    case .given(let checkpoint):
      let name = "layers.\(layer.number).query"
      let key = layer.key.info.shape.dimensions
      guard let tensor = checkpoint.tensors.first(where: { $0.name == name }) else {
        throw UsageError(
          "\(checkpoint.path.printable): has no tensor '\(name)', expected queries for each layer")
      }
      let shape = tensor.info.shape.dimensions
      guard shape.count == 4, shape[0] == key[0], shape[1] % key[1] == 0, shape[3] == key[3],
        tensor.info.dtype == .f32 || tensor.info.dtype == .f16 || tensor.info.dtype == .bf16,
        tensor.info.elementCount <= 1 << 24, tensor.info.elementCount > 0
      else {
        throw UsageError(
          "\(checkpoint.path.printable): '\(name)' is \(tensor.info.dtype.name) \(tensor.info.shape), "
            + "expected floats [\(key[0]), a multiple of \(key[1]) heads, queries, \(key[3])]")
      }
      var buffer = ByteBuffer(byteCount: 4 * tensor.info.elementCount)
      var span = buffer.mutableBytes
      let bytes = try FiniteSource.tensor(tensor).bytes()
      try Kernels.best.convert(
        bytes.rawSpan, from: tensor.info.dtype, to: .f32, elementCount: tensor.info.elementCount,
        saturating: false, into: &span)
      return .given(
        span.bytes.floats(), perHead: shape[1] / key[1] * shape[2])
    }
  }
}

extension CacheInspection.Row {
  /// Sets the errors of the row from the distances of its heads.
  mutating func set(_ distances: [Distance]) {
    headErrors = distances.map {
      $0.normSquares > 0 ? ($0.squares / $0.normSquares).squareRoot() : 0
    }
    let (norm, error) = distances.reduce((0.0, 0.0)) {
      ($0.0 + $1.normSquares, $0.1 + $1.squares)
    }
    self.error = norm > 0 ? (error / norm).squareRoot() : 0
  }
}
