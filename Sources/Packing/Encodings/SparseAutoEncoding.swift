import Base
package import Checkpoints
package import Codecs
package import PackedFormat
import Synchronization
package import TensorCore

/// An encoding that stores a tensor losslessly in the smaller of two forms: all values, or the nonzero
/// values with their positions. Only +0 counts as zero.
package struct SparseAutoEncoding: TensorEncoding {
  private let codec: any ValueCodec

  package init(compression: Compression) {
    codec = compression == .none ? RawCodec() : PlanesCodec()
  }

  package var label: String { "\(codec.name) or sparse" }

  /// Returns true if a tensor with this header can have a sparse term.
  package static func applies(to info: TensorInfo) -> Bool {
    info.dtype.bitsPerElement % 8 == 0 && info.elementCount > 0
  }

  package func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan {
    EncodingPlan(
      byteCount: tensor.info.byteCount, isExact: false,
      workerByteCount: prepared(tensor, encoder).workspaceByteCount,
      fixedByteCount: 64 * tensor.info.grid.count, chunkCount: tensor.info.grid.count,
      passCount: 2)
  }

  package func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding {
    let dense = self.prepared(tensor, encoder)
    let measure = Measure()
    let turnstile = Turnstile()
    try engine.forEachPiece(
      count: tensor.info.grid.count, workspaceByteCount: dense.workspaceByteCount,
      onFailure: turnstile.abandon
    ) { chunk, workspace in
      let sizes = try dense.sizes(chunk, &workspace) { values in
        guard wantsContentID else { return }
        try turnstile.pass(chunk) { measure.hash(values) }
      }
      measure.add(dense: sizes.dense, sparse: sizes.sparse)
      engine.progress.advance(byteCount: ChunkLayout(tensor.info, chunk: chunk).byteCount)
    }
    var prepared = dense
    prepared.isSparse = measure.sparseIsSmaller
    if wantsContentID { prepared.contentID = measure.contentID }
    return prepared
  }

  private func prepared(_ tensor: LazyTensor, _ encoder: ChunkEncoder) -> Prepared {
    Prepared(tensor: tensor, encoder: encoder, codec: codec, isSparse: false, contentID: nil)
  }

  // MARK: Prepared

  private struct Prepared: PreparedEncoding {
    let tensor: LazyTensor
    let encoder: ChunkEncoder
    let codec: any ValueCodec
    var isSparse: Bool
    var contentID: [UInt8]?

    private var info: TensorInfo { tensor.info }
    private var width: Int { info.dtype.bitsPerElement / 8 }

    /// Returns the layout of a worker's memory for a chunk: its values, the mask of the nonzero ones, and scratch
    /// memory to read and encode them.
    private func space(_ layout: ChunkLayout) -> WorkspaceLayout {
      WorkspaceLayout(
        layout.byteCount, Kernels.maskByteCount(elementCount: layout.elementCount),
        scratch: max(
          tensor.source.scratchByteCount(elementCount: layout.elementCount),
          encoder.scratchByteCount(codec, layout), encoder.sparseScratchByteCount(codec, layout)))
    }

    var workspaceByteCount: Int {
      info.grid.count > 0 ? space(ChunkLayout(info, chunk: 0)).byteCount : 0
    }

    private var term: PackedTerm {
      isSparse
        ? PackedTerm(.sparse(.add, BitmaskIndex(), codec), chunkCount: info.grid.count)
        : PackedTerm(codec, of: info)
    }

    var segments: [PackedSegment] { finished().segments(entry: 0) }

    func finished() -> PackedTensor { PackedTensor(info, terms: [term], contentID: contentID) }

    /// Returns the encoded sizes of a chunk in dense and sparse form, in bytes.
    /// - Parameter body: Receives the values of the chunk.
    @_lifetime(workspace: copy workspace)
    func sizes(
      _ chunk: Int, _ workspace: inout MutableRawSpan, _ body: (borrowing RawSpan) throws -> Void
    ) throws -> (dense: Int, sparse: Int) {
      let layout = ChunkLayout(info, chunk: chunk)
      return try space(layout).withSpans(of: &workspace) { values, mask, rest in
        try tensor.source.read(layout.elements, into: &values, scratch: &rest)
        try body(values.bytes)
        let dense = try encoder.encode(
          values.bytes, layout, codec: codec, scratch: &rest
        ) { bytes, _ in bytes.byteCount }
        let nonzeroCount = Kernels.best.nonzeroMask(values.bytes, width: width, into: &mask)
        guard nonzeroCount < layout.elementCount else { return (dense, dense) }
        let sparse = try encoder.encodeSparse(
          values.bytes, mask: &mask, layout, index: BitmaskIndex(), codec: codec, scratch: &rest
        ) { bytes, _ in bytes.byteCount }
        return (dense, sparse)
      }
    }

    @_lifetime(workspace: copy workspace)
    func encode(
      segment: Int, chunk: Int, workspace: inout MutableRawSpan,
      _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
    ) throws {
      let layout = ChunkLayout(info, chunk: chunk)
      try space(layout).withSpans(of: &workspace) { values, mask, rest in
        try tensor.source.read(layout.elements, into: &values, scratch: &rest)
        guard isSparse else {
          return try encoder.encode(values.bytes, layout, codec: codec, scratch: &rest, body)
        }
        _ = Kernels.best.nonzeroMask(values.bytes, width: width, into: &mask)
        try encoder.encodeSparse(
          values.bytes, mask: &mask, layout, index: BitmaskIndex(), codec: codec, scratch: &rest,
          body)
      }
    }
  }
}
