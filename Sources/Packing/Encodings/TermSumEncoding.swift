import Base
import Checkpoints
import Codecs
import PackedFormat
import TensorCore

/// An encoding that stores a sum as its terms. Terms of packed files are copied without decoding.
struct TermSumEncoding: TensorEncoding {
  let sum: TermSum

  var label: String {
    let label = Self.terms(of: sum, codec: PlanesCodec()).map(\.label).joined(separator: " + ")
    return label.count <= 28 ? label : "\(sum.parts.count) terms"
  }

  /// Returns true if a packed tensor can have these terms.
  static func holds(_ sum: TermSum) -> Bool {
    guard sum.parts.count <= PackedTensor.termLimit, sum.hasFiniteFactors,
      sum.isBits || sum.info.dtype.isPlainFloat && sum.info.dtype != .f64
    else { return false }
    return sum.parts.allSatisfy { part in
      switch part {
      case .stored(let stored, _):
        guard let info = stored.reader.tensor(ofEntry: stored.entry)?.info else { return false }
        return info.dtype == sum.info.dtype && info.shape == sum.info.shape
      case .dense(let tensor, _):
        return tensor.info.dtype == sum.info.dtype && tensor.info.shape == sum.info.shape
      case .lowRank(let u, let v, _):
        let rank = u.info.shape.columnCount
        guard let matrices = LowRankTerm.Matrices(sum.info.shape, batch: 0) else { return false }
        return LowRankTerm.factorDTypes.contains(u.info.dtype)
          && LowRankTerm.factorDTypes.contains(v.info.dtype)
          && (1...LowRankTerm.rankLimit).contains(rank)
          && rank * matrices.columns <= LowRankTerm.factorLimit
          && matrices.shapeOfU(rank: rank) == u.info.shape
          && matrices.shapeOfV(rank: rank) == v.info.shape
      }
    }
  }

  /// Returns the index entries of the terms.
  static func terms(of sum: TermSum, codec: any ValueCodec) -> [PackedTerm] {
    sum.parts.map { part in
      switch part {
      case .stored(let stored, let factor): return stored.term(multiplier: factor)
      case .dense(_, let factor):
        var term = PackedTerm(codec, of: sum.info)
        term.factor = factor
        return term
      case .lowRank(let u, let v, let factor):
        let factors = [u, v].map {
          LowRankTerm.Factor(dtype: $0.info.dtype, codec: codec, shape: $0.info.shape)
        }
        return PackedTerm(
          .lowRank(
            LowRankTerm(
              batch: 0, rank: u.info.shape.columnCount, scale: factor, u: factors[0],
              v: factors[1])),
          chunkCount: u.info.grid.count + v.info.grid.count)
      }
    }
  }

  func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan {
    let prepared = Prepared(sum: sum, encoder: encoder, contentID: nil)
    return EncodingPlan(
      byteCount: prepared.origins.reduce(0) { $0 + $1.byteCount },
      isExact: false, workerByteCount: prepared.workspaceByteCount, fixedByteCount: 0,
      chunkCount: prepared.segments.reduce(0) { $0 + $1.chunkCount }, passCount: 1)
  }

  func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding {
    // The range of F16 is so small that sums are computed to check it.
    let isChecked = sum.info.dtype == .f16 && sum.parts.count > 1
    let contentID = wantsContentID || isChecked ? try tensor.contentID(engine: engine) : nil
    return Prepared(sum: sum, encoder: encoder, contentID: wantsContentID ? contentID : nil)
  }

  /// The source of the chunks of a segment.
  private enum Origin {
    case stored(PackedReader, Int)
    case values(LosslessChunks)

    var byteCount: Int {
      switch self {
      case .stored(let reader, let segment): reader.storedByteCount(ofSegment: segment)
      case .values(let chunks): chunks.tensor.info.byteCount
      }
    }

    var workspaceByteCount: Int {
      switch self {
      case .stored(let reader, let segment): reader.storedBufferByteCount(ofSegment: segment)
      case .values(let chunks): chunks.workspaceByteCount
      }
    }
  }

  private struct Prepared: PreparedEncoding {
    let tensor: PackedTensor
    let segments: [PackedSegment]
    let origins: [Origin]

    init(sum: TermSum, encoder: ChunkEncoder, contentID: [UInt8]?) {
      let codec = encoder.losslessCodec
      func values(_ tensor: LazyTensor) -> Origin {
        .values(LosslessChunks(tensor: tensor, codec: codec, encoder: encoder))
      }
      tensor = PackedTensor(
        sum.info, terms: TermSumEncoding.terms(of: sum, codec: codec), contentID: contentID)
      segments = tensor.segments(entry: 0)
      origins = sum.parts.flatMap { part -> [Origin] in
        switch part {
        case .stored(let stored, _): stored.segments.map { .stored(stored.reader, $0) }
        case .dense(let tensor, _): [values(tensor)]
        case .lowRank(let u, let v, _): [values(u), values(v)]
        }
      }
    }

    var workspaceByteCount: Int { origins.map(\.workspaceByteCount).max() ?? 0 }

    func finished() -> PackedTensor { tensor }

    @_lifetime(workspace: copy workspace)
    func encode(
      segment: Int, chunk: Int, workspace: inout MutableRawSpan,
      _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
    ) throws {
      switch origins[segment] {
      case .stored(let reader, let origin):
        let record = try reader.readStored(segment: origin, chunk: chunk, into: &workspace)
        try body(
          workspace.bytes.extracting(0..<record.storedByteCount),
          ChunkEncoder.Encoded(record))
      case .values(let chunks): try chunks.encode(chunk, workspace: &workspace, body)
      }
    }
  }
}
