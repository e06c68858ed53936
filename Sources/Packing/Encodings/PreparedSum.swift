import Base
import Checkpoints
import Codecs
import PackedFormat
import Synchronization
import TensorCore

/// A prepared `SumEncoding`: the outliers are selected, the codec is configured and the factors are fitted.
struct PreparedSum: SumOfTermsEncoding {
  let tiles: FloatTiles
  let recipe: TermRecipe
  let rows: RowGeometry
  var codec: (any ValueCodec)?
  let outliers: OutlierSurvey?
  var factors: LowRankFit?
  let encoder: ChunkEncoder
  let space: Workspace
  let distances: Distances
  let comparing: SumEncoding.Comparing?

  init(
    tiles: FloatTiles, recipe: TermRecipe, rows: RowGeometry, codec: (any ValueCodec)?,
    outliers: OutlierSurvey?, encoder: ChunkEncoder, comparing: SumEncoding.Comparing? = nil
  ) {
    self.comparing = comparing
    self.rows = rows
    self.tiles = tiles
    self.recipe = recipe
    self.codec = codec
    self.outliers = outliers
    self.encoder = encoder
    space = Workspace(tiles, codec: codec, recipe: recipe, encoder: encoder)
    distances = Distances(chunkCount: tiles.grid.count)
  }

  var info: TensorInfo { tiles.tensor.info }
  var workspaceByteCount: Int { space.byteCount }

  // MARK: Memory

  /// The memory that a worker needs for a chunk.
  ///
  /// It contains the values as float32, a mask of outliers, sums followed by room to add to or round them,
  /// streams, and scratch memory.
  struct Workspace: Sendable {
    private let largestChunk: Int
    private let hasMask: Bool
    /// The size of the sums and the room after them for each element, in bytes.
    private let sumByteCount: Int
    private let streams: Int
    private let scratch: Int

    init(
      _ tiles: FloatTiles, codec: (any ValueCodec)?, recipe: TermRecipe, encoder: ChunkEncoder
    ) {
      let info = tiles.tensor.info
      largestChunk = info.grid.largestChunk
      hasMask = recipe.sparse != nil
      sumByteCount = info.dtype == .f64 ? 24 : 12
      var (streams, scratch) = (0, tiles.scratchByteCount)
      if info.grid.count > 0, let codec {
        let layout = ChunkLayout(info, chunk: 0)
        streams = 2 * codec.streamByteCounts(layout).reduce(0, +)
        scratch = max(
          scratch, 2 * codec.scratchByteCount(layout), encoder.frameScratchByteCount(codec, layout))
      }
      if info.grid.count > 0, recipe.sparse != nil {
        let layout = ChunkLayout(info, chunk: 0)
        scratch = max(scratch, encoder.sparseScratchByteCount(PlanesCodec(), layout))
      }
      if recipe.rank != nil {
        let factor = ChunkLayout(dtype: LowRankFit.dtype, listOf: 1 << 19)
        scratch = max(scratch, encoder.scratchByteCount(PlanesCodec(), factor))
      }
      self.streams = streams
      self.scratch = max(scratch, tiles.originalByteCount)
    }

    /// Returns the layout for a chunk: values, mask, sums, streams, and scratch memory.
    func layout(elementCount: Int) -> WorkspaceLayout {
      WorkspaceLayout(
        FloatReader.byteCount(elementCount: elementCount),
        hasMask ? Kernels.maskByteCount(elementCount: elementCount) : 0,
        sumByteCount * elementCount, streams, scratch: scratch)
    }

    var byteCount: Int { layout(elementCount: largestChunk).byteCount }
  }

  /// Passes the memory of a chunk to `body`: values, mask, sums, streams, and scratch memory.
  @_lifetime(workspace: copy workspace)
  func withSpans<Result>(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (
      inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan,
      inout MutableRawSpan
    ) throws -> Result
  ) throws -> Result {
    try space.layout(elementCount: tiles.grid[chunk].count).withSpans(of: &workspace, body)
  }

  // MARK: Segments

  var parts: [SumPart] {
    var parts: [SumPart] = []
    if codec != nil { parts.append(.dense) }
    if recipe.rank != nil { parts += [.u, .v] }
    if recipe.sparse != nil { parts.append(.sparse) }
    return parts
  }

  /// The terms, without their measured errors.
  private var terms: [PackedTerm] {
    var terms: [PackedTerm] = []
    if let codec { terms.append(PackedTerm(codec, of: info)) }
    if let rank = recipe.rank, let matrices = SumEncoding.matrices(info.shape, rows),
      let shapeOfU = matrices.shapeOfU(rank: rank), let shapeOfV = matrices.shapeOfV(rank: rank)
    {
      let factors = [shapeOfU, shapeOfV].map {
        LowRankTerm.Factor(dtype: LowRankFit.dtype, codec: encoder.losslessCodec, shape: $0)
      }
      let term = LowRankTerm(
        batch: SumEncoding.batch(info.shape, rows), rank: rank, scale: self.factors?.scale ?? 1,
        u: factors[0], v: factors[1])
      terms.append(
        PackedTerm(
          .lowRank(term),
          chunkCount: factors.reduce(0) {
            $0 + ChunkGrid(dtype: $1.dtype, shape: $1.shape).count
          }))
    }
    if let sparse = recipe.sparse {
      terms.append(
        PackedTerm(
          .sparse(sparse.mode, BitmaskIndex(), encoder.losslessCodec), chunkCount: info.grid.count))
    }
    return terms
  }

  var segments: [PackedSegment] {
    PackedTensor(info, terms: terms).segments(entry: 0)
  }

  func finished() -> PackedTensor {
    var tensor = PackedTensor(info, terms: terms)
    let found = distances.total(termCount: terms.count)
    for (index, distance) in found.terms.enumerated() {
      tensor.terms[index].error = distance.squares.squareRoot()
    }
    if let whole = found.whole {
      tensor.quality = PackedTensor.Quality(
        norm: whole.normSquares.squareRoot(), error: whole.squares.squareRoot(),
        largest: Double(whole.largest))
    }
    tensor.contentID = distances.contentID
    return tensor
  }
}

/// The distances between sums and values, kept per chunk so that they are added in a fixed order.
final class Distances: Sendable {
  private struct State {
    /// For each chunk, the distance after each term, followed by the distance of the rounded values.
    var chunks: [[Distance]]
    var contentID: [UInt8]?
  }

  private let state: Mutex<State>

  init(chunkCount: Int) {
    state = Mutex(State(chunks: Array(repeating: [], count: chunkCount)))
  }

  func set(_ distances: [Distance], ofChunk chunk: Int) {
    state.withLock { $0.chunks[chunk] = distances }
  }

  var contentID: [UInt8]? { state.withLock { $0.contentID } }
  func setContentID(_ id: [UInt8]) { state.withLock { $0.contentID = id } }

  /// Returns the distance after each term and that of the rounded values; empty and nil unless every chunk
  /// was measured.
  func total(termCount: Int) -> (terms: [Distance], whole: Distance?) {
    var sums = Array(repeating: Distance(), count: termCount + 1)
    let chunks = state.withLock { $0.chunks }
    guard chunks.allSatisfy({ $0.count == termCount + 1 }) else { return ([], nil) }
    for chunk in chunks {
      for index in sums.indices { sums[index].add(chunk[index]) }
    }
    return (Array(sums.dropLast()), sums.last)
  }
}
