import Base
import Checkpoints
import Codecs
import PackedFormat
import TensorCore

/// What is to be done with one tensor or companion of a checkpoint to store it.
struct PackedItem: Sendable {
  enum Work: Sendable {
    /// Segments of another file are copied as they are.
    case copied(PackedReader, Range<Int>)
    case lossless(any ValueCodec)
    case encoded(any TensorEncoding)
  }

  var tensor: LazyTensor
  var work: Work
  /// Whether it is a file beside the tensors.
  let isCompanion: Bool

  init(_ tensor: LazyTensor, compression: Compression?) {
    self.tensor = tensor
    isCompanion = false
    if let encoding = tensor.storage.encoding(compression: compression ?? .fast) {
      work = .encoded(encoding)
    } else if let origin = tensor.packedOrigin,
      compression == nil || !Self.isLoneLossless(origin.tensor)
    {
      work = .copied(origin.reader, origin.segments)
    } else {
      work = .lossless((compression ?? .fast).codec)
    }
  }

  /// A file of the model.
  init(companion: LazyTensor) {
    tensor = companion
    isCompanion = true
    if let origin = companion.packedOrigin {
      work = .copied(origin.reader, origin.segments)
    } else {
      work = .lossless(RawCodec())
    }
  }

  private static func isLoneLossless(_ packed: PackedTensor?) -> Bool {
    guard let packed, packed.terms.count == 1, case .dense(let codec) = packed.terms[0].content
    else { return false }
    return codec.isLossless
  }

  /// What the index of the file that it lies in says of it, if its values are stored as they are.
  private var unchanged: PackedTensor? {
    guard case .asIs = tensor.storage else { return nil }
    return tensor.packedOrigin?.tensor
  }

  /// Whether the values are those of an entry that was read.
  var keepsValues: Bool { unchanged != nil }

  /// What the index is to say of it, but for what is known only when it is encoded.
  var planned: PackedTensor {
    var planned: PackedTensor
    switch work {
    case .copied:
      planned = tensor.packedOrigin?.tensor ?? PackedTensor(tensor.info, RawCodec())
      // A tensor that is no alias any more has its own name.
      planned.info = tensor.info
    case .lossless(let codec): planned = PackedTensor(tensor.info, codec)
    case .encoded: planned = PackedTensor(tensor.info, PlanesCodec())
    }
    let unchanged = unchanged
    if let packed = unchanged {
      (planned.quality, planned.contentID) = (packed.quality, packed.contentID)
    }
    planned.extensions = (tensor.attributes[PackedExtensions.self] ?? []).filter {
      unchanged != nil || $0.isSafeToCopy
    }
    return planned
  }

  /// The most that its chunks take, what each worker needs, and the like.
  func plan(_ encoder: ChunkEncoder) -> EncodingPlan {
    let info = tensor.info
    switch work {
    case .copied(let reader, let segments):
      return EncodingPlan(
        byteCount: segments.reduce(0) { $0 + reader.storedByteCount(ofSegment: $1) },
        isExact: true, workerByteCount: 0, fixedByteCount: 0,
        chunkCount: segments.reduce(0) { $0 + reader.segments[$1].chunkCount }, passCount: 0)
    case .lossless(let codec):
      return EncodingPlan(
        byteCount: info.byteCount, isExact: codec is RawCodec,
        workerByteCount: losslessWorkspaceByteCount(codec, encoder), fixedByteCount: 0,
        chunkCount: info.grid.count, passCount: 1)
    case .encoded(let encoding): return encoding.plan(for: tensor, encoder: encoder)
    }
  }

  func losslessWorkspaceByteCount(_ codec: any ValueCodec, _ encoder: ChunkEncoder) -> Int {
    Engine.workspaceByteCount(of: [tensor]) { tensor in
      guard tensor.info.grid.count > 0 else { return 0 }
      return encoder.scratchByteCount(codec, ChunkLayout(tensor.info, chunk: 0))
    }
  }

  /// In words for a plan.
  var label: String {
    switch work {
    case .copied: tensor.stored.label
    case .lossless(let codec): "\(tensor.info.dtype.name) \(codec.name)"
    case .encoded(let encoding): "\(tensor.info.dtype.name) \(encoding.label)"
    }
  }
}
