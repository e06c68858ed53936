import Base
package import Codecs
package import TensorCore

/// The chunks of one term, one factor or one attachment, which are contiguous in the file.
package struct PackedSegment: Sendable {
  /// The part of the index that the segment belongs to.
  package enum Owner: Equatable, Sendable {
    /// A term of an entry. A low-rank term has two segments, U and V.
    case tensor(Int, term: Int)
    case attachment(Int)
  }

  /// The codecs of the segment.
  package enum Content: Sendable {
    case dense(any ValueCodec)
    case sparse(any IndexCodec, any ValueCodec)
    case unknown
  }

  package var owner: Owner
  /// The name of the owner, and the dtype and shape of the values that the chunk grid divides.
  package var info: TensorInfo
  package var content: Content
  package var chunkCount: Int

  package init(owner: Owner, info: TensorInfo, content: Content, chunkCount: Int) {
    self.owner = owner
    self.info = info
    self.content = content
    self.chunkCount = chunkCount
  }

  /// The byte offset of the first chunk is a multiple of this number.
  package var alignment: Int {
    if case .tensor = owner, case .dense(let codec) = content, codec is RawCodec,
      info.byteCount >= 1 << 20
    {
      return 4096
    }
    return 64
  }

  package func layout(ofChunk chunk: Int) -> ChunkLayout { ChunkLayout(info, chunk: chunk) }

  /// Returns the segments of a term.
  package static func segments(
    of term: PackedTerm, termIndex: Int, entry: Int, info: TensorInfo
  ) -> [PackedSegment] {
    let owner = Owner.tensor(entry, term: termIndex)
    switch term.content {
    case .dense(let codec):
      return [
        PackedSegment(
          owner: owner, info: info, content: .dense(codec), chunkCount: term.chunkCount)
      ]
    case .sparse(_, let index, let values):
      return [
        PackedSegment(
          owner: owner, info: info, content: .sparse(index, values), chunkCount: term.chunkCount)
      ]
    case .unknown:
      return [
        PackedSegment(owner: owner, info: info, content: .unknown, chunkCount: term.chunkCount)
      ]
    case .lowRank(let term):
      return [term.u, term.v].map { factor in
        // Factors are F16, BF16 or F32, and their shapes are limited to 2^56 values: both end on whole bytes,
        // and their byte count fits an Int. Reading the index has refused everything else.
        let info = try! TensorInfo(name: info.name, dtype: factor.dtype, shape: factor.shape)
        return PackedSegment(
          owner: owner, info: info, content: .dense(factor.codec), chunkCount: info.grid.count)
      }
    }
  }

  /// The codec that encoded a chunk: the codec of the term, or one of its permitted substitutes.
  func valueCodec(of record: ChunkRecord) -> (any ValueCodec)? {
    let own: any ValueCodec
    switch content {
    case .dense(let codec), .sparse(_, let codec): own = codec
    case .unknown: return nil
    }
    let id = record.codecs.value
    if id == own.id { return own }
    guard own.isLossless else { return nil }
    if id == RawCodec.id { return RawCodec() }
    return id == ConstantCodec.id && ConstantCodec.holds(info.dtype) ? ConstantCodec() : nil
  }

  func indexCodec(of record: ChunkRecord) -> (any IndexCodec)? {
    guard case .sparse(let own, _) = content else { return nil }
    let id = record.codecs.index
    if id == own.id { return own }
    guard own is BitmaskIndex || own is Gap8Index else { return nil }
    switch id {
    case BitmaskIndex.id: return BitmaskIndex()
    case Gap8Index.id: return Gap8Index()
    default: return nil
    }
  }

  /// The allowed lengths of a chunk's streams; nil if the chunk has codecs that the segment does not allow.
  func streamByteCounts(of record: ChunkRecord, chunk: Int) -> [ClosedRange<Int>]? {
    guard let codec = valueCodec(of: record) else { return nil }
    let layout = layout(ofChunk: chunk)
    switch content {
    case .unknown: return nil
    case .dense:
      guard record.codecs.index == 0 else { return nil }
      return codec.streamByteCounts(layout).map { $0...$0 }
    case .sparse:
      guard let index = indexCodec(of: record) else { return nil }
      let values = ChunkLayout(dtype: info.dtype, listOf: record.valueCount)
      return index.streamByteCounts(layout, valueCount: record.valueCount)
        + codec.streamByteCounts(values).map { $0...$0 }
    }
  }
}
