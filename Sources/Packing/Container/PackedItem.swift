import Base
import Checkpoints
import Codecs
import PackedFormat
import TensorCore

/// A tensor or companion of a checkpoint, and the work that stores it.
struct PackedItem: Sendable {
  enum Work: Sendable {
    /// Segments of another file are copied unchanged, after their checksums were compared.
    case copied(PackedReader, Range<Int>)
    /// The values are encoded as one dense lossless term.
    case lossless(any ValueCodec)
    /// The values are encoded in the terms of an encoding.
    case encoded(any TensorEncoding)
  }

  var tensor: LazyTensor
  var work: Work
  /// True for a companion file, false for a tensor.
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

  /// Creates an item for a companion file of the model.
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

  /// The index entry in the `.sumac` file that contains the tensor, if its values are stored unchanged.
  private var unchanged: PackedTensor? {
    guard case .asIs = tensor.storage else { return nil }
    return tensor.packedOrigin?.tensor
  }

  /// True if the values may differ from those of the input.
  var mayLose: Bool { tensor.source.loss != nil || tensor.storage.isLossy }

  /// True if the values are those of an entry of a `.sumac` file that was read.
  var keepsValues: Bool { unchanged != nil }

  /// The index entry to write, without the parts that are known only after encoding.
  var planned: PackedTensor {
    var planned: PackedTensor
    switch work {
    case .copied:
      planned = tensor.packedOrigin?.tensor ?? PackedTensor(tensor.info, RawCodec())
      // A tensor that is not an alias any more has its own name.
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

  /// Returns the maximum size of the chunks and the resources that encoding needs.
  func plan(_ encoder: ChunkEncoder) -> EncodingPlan {
    let info = tensor.info
    switch work {
    case .copied(let reader, let segments):
      return EncodingPlan(
        byteCount: segments.reduce(0) { $0 + reader.storedByteCount(ofSegment: $1) },
        isExact: true,
        workerByteCount: segments.map(reader.storedBufferByteCount(ofSegment:)).max() ?? 0,
        fixedByteCount: 0,
        chunkCount: segments.reduce(0) { $0 + reader.segments[$1].chunkCount }, passCount: 1)
    case .lossless(let codec):
      return EncodingPlan(
        byteCount: info.byteCount, isExact: codec is RawCodec,
        workerByteCount: LosslessChunks(tensor: tensor, codec: codec, encoder: encoder)
          .workspaceByteCount, fixedByteCount: 0,
        chunkCount: info.grid.count, passCount: 1)
    case .encoded(let encoding): return encoding.plan(for: tensor, encoder: encoder)
    }
  }

  /// The stored form as plans show it.
  var label: String {
    switch work {
    case .copied: tensor.stored.label
    case .lossless(let codec): "\(tensor.info.dtype.name) \(codec.name)"
    case .encoded(let encoding): "\(tensor.info.dtype.name) \(encoding.label)"
    }
  }
}
