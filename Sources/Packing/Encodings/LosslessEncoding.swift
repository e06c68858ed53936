import Base
package import Checkpoints
package import Codecs
package import PackedFormat
import TensorCore

/// An encoding that stores a tensor as one dense lossless term, regardless of the terms it had.
package struct LosslessEncoding: TensorEncoding {
  private let codec: any ValueCodec

  package init(compression: Compression) {
    codec = compression == .none ? RawCodec() : PlanesCodec()
  }

  package var label: String { codec.name }

  package func plan(for tensor: LazyTensor, encoder: ChunkEncoder) -> EncodingPlan {
    EncodingPlan(
      byteCount: tensor.info.byteCount, isExact: codec is RawCodec,
      workerByteCount: chunks(of: tensor, encoder).workspaceByteCount, fixedByteCount: 0,
      chunkCount: tensor.info.grid.count, passCount: 1)
  }

  package func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding {
    Prepared(
      chunks: chunks(of: tensor, encoder),
      contentID: wantsContentID ? try tensor.contentID(engine: engine) : nil)
  }

  private func chunks(of tensor: LazyTensor, _ encoder: ChunkEncoder) -> LosslessChunks {
    LosslessChunks(tensor: tensor, codec: codec, encoder: encoder)
  }

  private struct Prepared: PreparedEncoding {
    let chunks: LosslessChunks
    let contentID: [UInt8]?

    var workspaceByteCount: Int { chunks.workspaceByteCount }
    var segments: [PackedSegment] { finished().segments(entry: 0) }

    func finished() -> PackedTensor {
      let info = chunks.tensor.info
      return PackedTensor(info, terms: [PackedTerm(chunks.codec, of: info)], contentID: contentID)
    }

    @_lifetime(workspace: copy workspace)
    func encode(
      segment: Int, chunk: Int, workspace: inout MutableRawSpan,
      _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
    ) throws {
      try chunks.encode(chunk, workspace: &workspace, body)
    }
  }
}
