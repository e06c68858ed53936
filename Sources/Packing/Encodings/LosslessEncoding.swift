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
      workerByteCount: Prepared.workspaceByteCount(tensor, codec, encoder), fixedByteCount: 0,
      chunkCount: tensor.info.grid.count, passCount: 1)
  }

  package func prepared(
    _ tensor: LazyTensor, encoder: ChunkEncoder, engine: Engine, wantsContentID: Bool
  ) throws -> any PreparedEncoding {
    Prepared(
      tensor: tensor, encoder: encoder, codec: codec,
      contentID: wantsContentID ? try tensor.contentID(engine: engine) : nil)
  }

  private struct Prepared: PreparedEncoding {
    let tensor: LazyTensor
    let encoder: ChunkEncoder
    let codec: any ValueCodec
    let contentID: [UInt8]?

    static func workspaceByteCount(
      _ tensor: LazyTensor, _ codec: any ValueCodec, _ encoder: ChunkEncoder
    ) -> Int {
      Engine.workspaceByteCount(of: [tensor]) { tensor in
        guard tensor.info.grid.count > 0 else { return 0 }
        return encoder.scratchByteCount(codec, ChunkLayout(tensor.info, chunk: 0))
      }
    }

    var workspaceByteCount: Int { Self.workspaceByteCount(tensor, codec, encoder) }
    var segments: [PackedSegment] { finished().segments(entry: 0) }

    func finished() -> PackedTensor {
      PackedTensor(tensor.info, terms: [PackedTerm(codec, of: tensor.info)], contentID: contentID)
    }

    @_lifetime(workspace: copy workspace)
    func encode(
      segment: Int, chunk: Int, workspace: inout MutableRawSpan,
      _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
    ) throws {
      let layout = ChunkLayout(tensor.info, chunk: chunk)
      try workspace.split(at: layout.byteCount) { values, rest in
        try tensor.source.read(layout.elements, into: &values, scratch: &rest)
        try encoder.encode(values.bytes, layout, codec: codec, scratch: &rest, body)
      }
    }
  }
}
