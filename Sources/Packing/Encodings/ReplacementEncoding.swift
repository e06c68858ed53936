import Base
package import Checkpoints
import Codecs
import PackedFormat
import TensorCore

/// A tensor as its difference from a base tensor: the positions whose bits differ, and the values there.
///
/// Read alone, it has the tuned values at these positions and 0 elsewhere. Applied to the base tensor, it
/// restores the tuned tensor bit for bit.
package struct Replacement: Sendable {
  let tuned: LazyTensor
  let base: LazyTensor

  /// Creates a replacement. Both tensors must have the same shape and the same dtype of whole bytes.
  package init(tuned: LazyTensor, base: LazyTensor) {
    precondition(tuned.info.dtype == base.info.dtype && tuned.info.shape == base.info.shape)
    precondition(tuned.info.dtype.bitsPerElement % 8 == 0)
    self.tuned = tuned
    self.base = base
  }

  /// A tensor that is stored as a sparse term in `.sumac` files.
  package var lazy: LazyTensor {
    var tensor = LazyTensor(
      info: tuned.info, source: Source(replacement: self), stored: tuned.stored)
    tensor.storage = .packed(ReplacementEncoding(replacement: self), isLossy: false)
    return tensor
  }

  private var width: Int { tuned.info.dtype.bitsPerElement / 8 }

  /// Returns the layout of the memory to read the base: its values, and scratch memory.
  private func baseLayout(elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      width * elementCount, scratch: base.source.scratchByteCount(elementCount: elementCount))
  }

  /// Returns the layout of the memory that `read` needs: the mask, and scratch memory.
  /// - Parameter extra: The scratch memory that the body of `read` needs, in bytes.
  func layout(elementCount: Int, extra: Int = 0) -> WorkspaceLayout {
    WorkspaceLayout(
      Kernels.maskByteCount(elementCount: elementCount),
      scratch: max(
        extra, tuned.source.scratchByteCount(elementCount: elementCount),
        baseLayout(elementCount: elementCount).byteCount))
  }

  /// Reads the tuned values, and passes them to `body` with the mask of those that differ and scratch memory.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan,
    _ body: (inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan) throws -> Void
  ) throws {
    let count = elements.count
    try layout(elementCount: count).withSpans(of: &scratch) { mask, rest in
      try tuned.source.read(elements, into: &values, scratch: &rest)
      try baseLayout(elementCount: count).withSpans(of: &rest) { others, rest in
        try base.source.read(elements, into: &others, scratch: &rest)
        _ = Kernels.best.differenceMask(&others, values.bytes, width: width, into: &mask)
      }
      try body(&values, &mask, &rest)
    }
  }

  private struct Source: TensorSource {
    let replacement: Replacement

    func scratchByteCount(elementCount: Int) -> Int {
      replacement.layout(elementCount: elementCount).byteCount
    }

    @_lifetime(values: copy values)
    @_lifetime(scratch: copy scratch)
    func read(
      _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
    ) throws {
      try replacement.read(elements, into: &values, scratch: &scratch) { values, mask, _ in
        Kernels.best.clear(unmasked: mask.bytes, width: replacement.width, in: &values)
      }
    }
  }
}

/// An encoding that stores a replacement as one sparse term in replace mode.
private struct ReplacementEncoding: TensorEncoding {
  let replacement: Replacement

  var label: String { "sparse:replace" }

  func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan {
    let info = tensor.info
    // Positions need at most one bit per element; a frame has a table of a few streams.
    return EncodingPlan(
      byteCount: info.byteCount + info.elementCount / 8 + 96 * info.grid.count, isExact: false,
      workerByteCount: Prepared(replacement: replacement, encoder: encoder, contentID: nil)
        .workspaceByteCount,
      fixedByteCount: 0, chunkCount: info.grid.count, passCount: 1)
  }

  func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding {
    Prepared(
      replacement: replacement, encoder: encoder,
      contentID: wantsContentID ? try tensor.contentID(engine: engine) : nil)
  }

  private struct Prepared: PreparedEncoding {
    let replacement: Replacement
    let encoder: ChunkEncoder
    let contentID: [UInt8]?

    private var info: TensorInfo { replacement.tuned.info }
    private var codec: any ValueCodec {
      encoder.compression == .none ? RawCodec() : PlanesCodec()
    }

    /// Returns the layout of a worker's memory for a chunk: its values, and scratch memory.
    private func space(_ layout: ChunkLayout) -> WorkspaceLayout {
      WorkspaceLayout(
        layout.byteCount,
        scratch: replacement.layout(
          elementCount: layout.elementCount,
          extra: encoder.sparseScratchByteCount(codec, layout)
        ).byteCount)
    }

    var workspaceByteCount: Int {
      info.grid.count > 0 ? space(ChunkLayout(info, chunk: 0)).byteCount : 0
    }
    var segments: [PackedSegment] { finished().segments(entry: 0) }

    func finished() -> PackedTensor {
      PackedTensor(
        info,
        terms: [
          PackedTerm(.sparse(.replace, BitmaskIndex(), codec), chunkCount: info.grid.count)
        ], contentID: contentID)
    }

    @_lifetime(workspace: copy workspace)
    func encode(
      segment: Int, chunk: Int, workspace: inout MutableRawSpan,
      _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
    ) throws {
      let layout = ChunkLayout(info, chunk: chunk)
      try space(layout).withSpans(of: &workspace) { values, rest in
        try replacement.read(layout.elements, into: &values, scratch: &rest) {
          values, mask, rest in
          try encoder.encodeSparse(
            values.bytes, mask: &mask, layout, index: BitmaskIndex(), codec: codec,
            scratch: &rest, body)
        }
      }
    }
  }
}
