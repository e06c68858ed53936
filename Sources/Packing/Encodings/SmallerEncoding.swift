import Base
import Checkpoints
import Codecs
import PackedFormat
import TensorCore

/// An encoding that stores a tensor with loss, or without loss if that needs no more bytes.
struct SmallerEncoding: TensorEncoding {
  private let lossy: SumEncoding

  init(_ lossy: SumEncoding) { self.lossy = lossy }

  var label: String { lossy.label }

  private func lossless(_ encoder: ChunkEncoder) -> LosslessEncoding {
    LosslessEncoding(compression: encoder.compression)
  }

  func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan {
    var plan = lossy.plan(for: tensor, encoder: encoder)
    let other = lossless(encoder).plan(for: tensor, encoder: encoder)
    plan.workerByteCount = max(plan.workerByteCount, other.workerByteCount)
    return plan
  }

  func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding {
    guard try isSmaller(tensor, encoder, engine) else {
      engine.losses.keep(tensor.info)
      return try lossless(encoder).prepared(
        tensor, encoder: encoder, engine: engine, wantsContentID: wantsContentID)
    }
    return try lossy.prepared(
      tensor, encoder: encoder, engine: engine, wantsContentID: wantsContentID)
  }

  // MARK: Sizes

  /// The number of values that are encoded without loss to see whether both sizes must be measured.
  private static let sampleCount = 1 << 17
  /// Both sizes are measured unless the sample is larger than the lossy form by this factor.
  private static let margin = 1.15

  /// Returns true if the lossy form needs fewer bytes.
  private func isSmaller(
    _ tensor: LazyTensor, _ encoder: ChunkEncoder, _ engine: Engine
  ) throws -> Bool {
    guard tensor.info.elementCount > 0 else { return true }
    let most = lossy.withWideScales.plan(for: tensor, encoder: encoder).byteCount
    if encoder.compression == .none {
      if most < tensor.info.byteCount { return true }
    } else if Double(try sampledByteCount(tensor, encoder)) > Self.margin * Double(most) {
      return true
    }
    let silent = Engine(
      workers: engine.workers, cancellation: engine.cancellation, progress: NoProgress())
    let (small, whole) = try (
      StoredSize(tensor, lossy, encoder: encoder, engine: silent),
      StoredSize(tensor, lossless(encoder), encoder: encoder, engine: silent)
    )
    return small.byteCount < whole.byteCount
  }

  /// Returns the size of the tensor without loss as four pieces of it suggest.
  private func sampledByteCount(_ tensor: LazyTensor, _ encoder: ChunkEncoder) throws -> Int {
    let (info, grid) = (tensor.info, tensor.info.grid)
    let count = min(Self.sampleCount / 4, grid.largestChunk)
    let chunks = Set([0, grid.count / 3, grid.count * 2 / 3, grid.count - 1]).sorted()
    let codec = PlanesCodec()
    let piece = ChunkLayout(dtype: info.dtype, listOf: count)
    let layout = WorkspaceLayout(
      piece.byteCount,
      scratch: max(
        tensor.source.scratchByteCount(elementCount: count), encoder.scratchByteCount(codec, piece))
    )
    var workspace = ByteBuffer(byteCount: layout.byteCount)
    var (sampled, encoded) = (0, 0)
    for chunk in chunks {
      let elements = grid[chunk].prefix(count)
      let piece = ChunkLayout(dtype: info.dtype, listOf: elements.count)
      var span = workspace.mutableBytes
      sampled += piece.byteCount
      encoded += try layout.withSpans(of: &span) { values, rest in
        var values = values._mutatingExtracting(0..<piece.byteCount)
        try tensor.source.read(
          elements.startIndex..<elements.endIndex, into: &values, scratch: &rest)
        return try encoder.encode(values.bytes, piece, codec: codec, scratch: &rest) { bytes, _ in
          bytes.byteCount
        }
      }
    }
    // A sample is encoded in little more than its own size.
    let share = Double(encoded) / Double(sampled)
    return Int(share * Double(info.byteCount))  // fits: the share is near 1
  }
}
