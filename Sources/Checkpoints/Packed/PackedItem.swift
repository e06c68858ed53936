import Codecs
import PackedFormat
import Base
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
    if let encoding = tensor.encoding {
      work = .encoded(encoding)
    } else if let (reader, segments) = Self.stored(tensor),
      compression == nil || !Self.isLoneLossless(tensor)
    {
      work = .copied(reader, segments)
    } else {
      work = .lossless((compression ?? .fast).codec)
    }
  }

  /// A file of the model.
  init(companion: LazyTensor) {
    tensor = companion
    isCompanion = true
    if let (reader, segments) = Self.stored(companion) {
      work = .copied(reader, segments)
    } else {
      work = .lossless(RawCodec())
    }
  }

  /// Where the tensor lies in a `.sumac` file with these very values.
  private static func stored(_ tensor: LazyTensor) -> (PackedReader, Range<Int>)? {
    switch tensor.source {
    case let source as PackedTensorSource:
      let starts = source.reader.firstSegments
      return (source.reader, starts[source.entry]..<starts[source.entry + 1])
    case let source as PackedAttachmentSource:
      return (source.reader, source.segment..<source.segment + 1)
    default: return nil
    }
  }

  private static func isLoneLossless(_ tensor: LazyTensor) -> Bool {
    guard let packed = packed(tensor), packed.terms.count == 1,
      case .dense(let codec) = packed.terms[0].content
    else { return false }
    return codec.isLossless
  }

  /// What the index of the file that it lies in says of it.
  private static func packed(_ tensor: LazyTensor) -> PackedTensor? {
    guard let source = tensor.source as? PackedTensorSource else { return nil }
    return source.reader.tensor(ofEntry: source.entry)
  }

  /// Whether the values are those of an entry that was read.
  var keepsValues: Bool { tensor.encoding == nil && tensor.source is PackedTensorSource }

  /// What the index is to say of it, but for what is known only when it is encoded.
  var planned: PackedTensor {
    var planned: PackedTensor
    switch work {
    case .copied:
      planned = Self.packed(tensor) ?? PackedTensor(tensor.info, RawCodec())
      // A tensor that is no alias any more has its own name.
      planned.info = tensor.info
    case .lossless(let codec): planned = PackedTensor(tensor.info, codec)
    case .encoded: planned = PackedTensor(tensor.info, PlanesCodec())
    }
    if keepsValues, let packed = Self.packed(tensor) {
      (planned.quality, planned.contentID) = (packed.quality, packed.contentID)
    }
    planned.extensions = tensor.extensions.filter { keepsValues || $0.isSafeToCopy }
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

extension Compression {
  /// The codec of lossless terms.
  var codec: any ValueCodec { self == .none ? RawCodec() : PlanesCodec() }
}
