import Base
import Codecs
import PackedFormat
import Synchronization
import TensorCore
import TestSupport
import Zstd

/// Writes `.sumac` files with arbitrary terms into memory.
struct PackedFileBuilder {
  /// A tensor as a list of terms with their sources.
  struct Tensor {
    var name: String
    var dtype: DType
    var dimensions: [Int]
    var terms: [Term]
  }

  indirect enum Term {
    /// A term with a factor.
    case scaled(Float, Term)
    case dense(any ValueCodec, Values)
    /// Values of all elements; the bits of `mask` mark the kept ones.
    case sparse(SparseMode, any IndexCodec, any ValueCodec, Values, mask: [Bool])
    case lowRank(batch: Int, rank: Int, scale: Float, dtype: DType, u: [Float], v: [Float])
  }

  enum Values {
    /// Canonical bytes for lossless codecs.
    case bytes([UInt8])
    case floats([Float])
  }

  var tensors: [Tensor] = []
  /// The position, name and target entry of each alias.
  var aliases: [(place: Int, name: String, target: Int)] = []
  var attachments: [(String, [UInt8])] = []
  var compression = Compression.fast
  var isSealed = false
  var extensions: [PackedExtension] = []
  var contentIDs: [String: [UInt8]] = [:]

  /// A sink that keeps the bytes of the file in memory.
  final class MemorySink: PackedSink {
    private let state = Mutex<[UInt8]>([])
    var isSequential: Bool { false }
    var bytes: [UInt8] { state.withLock { $0 } }

    func write(_ bytes: borrowing RawSpan, at byteOffset: Int) throws {
      let new = bytes.array()
      state.withLock { file in
        let missing = byteOffset + new.count - file.count
        if missing > 0 { file += [UInt8](repeating: 0, count: missing) }
        file.replaceSubrange(byteOffset..<byteOffset + new.count, with: new)
      }
    }
  }

  func built() throws -> [UInt8] {
    let sink = MemorySink()
    let writer = try PackedWriter(sink, isSealed: isSealed)
    var entries: [PackedIndex.Entry] = []
    func addAliases() {
      for alias in aliases where alias.place == entries.count {
        entries.append(PackedIndex.Entry(name: alias.name, content: .alias(of: alias.target)))
      }
    }
    for tensor in tensors {
      addAliases()
      let packed = try packed(tensor)
      for (term, source) in zip(packed.terms.enumerated(), tensor.terms) {
        let segments = PackedSegment.segments(
          of: term.element, termIndex: term.offset, entry: entries.count, info: packed.info)
        for (number, segment) in segments.enumerated() {
          try write(segment, source, number, writer)
        }
      }
      entries.append(PackedIndex.Entry(name: tensor.name, content: .tensor(packed)))
    }
    addAliases()
    for (name, bytes) in attachments {
      let info = try TensorInfo(name: name, dtype: .u8, shape: Shape([bytes.count]))
      let segment = PackedSegment(
        owner: .attachment(0), info: info, content: .dense(RawCodec()),
        chunkCount: info.grid.count)
      try write(segment, .dense(RawCodec(), .bytes(bytes)), 0, writer)
    }
    _ = try writer.finish(
      PackedIndex(
        entries: entries,
        attachments: try attachments.map { name, bytes in
          PackedIndex.Attachment(
            try TensorInfo(name: name, dtype: .u8, shape: Shape([bytes.count])))
        },
        metadata: [PackedIndex.Pair(key: "format", value: "pt")],
        optionalFeatures: PackedIndex.optionalFeatures(of: entries, isSealed: isSealed),
        writer: [PackedIndex.Pair(key: "sumac", value: "test")], lineage: nil,
        isSealed: isSealed, extensions: extensions))
    return sink.bytes
  }

  private func packed(_ tensor: Tensor) throws -> PackedTensor {
    let info = try TensorInfo(
      name: tensor.name, dtype: tensor.dtype, shape: Shape(tensor.dimensions))
    func packed(_ term: Term) throws -> PackedTerm {
      switch term {
      case .scaled(let factor, let inner):
        var result = try packed(inner)
        result.factor = factor
        return result
      case .dense(let codec, _): return PackedTerm(codec, of: info)
      case .sparse(let mode, let index, let codec, _, _):
        return PackedTerm(.sparse(mode, index, codec), chunkCount: info.grid.count)
      case .lowRank(let batch, let rank, let scale, let dtype, _, _):
        let matrices = LowRankTerm.Matrices(info.shape, batch: batch)!
        let factors = [matrices.shapeOfU(rank: rank)!, matrices.shapeOfV(rank: rank)!].map {
          LowRankTerm.Factor(dtype: dtype, codec: PlanesCodec(), shape: $0)
        }
        return PackedTerm(
          .lowRank(
            LowRankTerm(batch: batch, rank: rank, scale: scale, u: factors[0], v: factors[1])),
          chunkCount: try factors.reduce(0) {
            $0 + (try TensorInfo(name: "", dtype: dtype, shape: $1.shape)).grid.count
          })
      }
    }
    let terms = try tensor.terms.map(packed)
    return PackedTensor(info, terms: terms, contentID: contentIDs[tensor.name])
  }

  private func write(
    _ segment: PackedSegment, _ term: Term, _ factor: Int, _ writer: PackedWriter
  ) throws {
    let encoder = ChunkEncoder(zstd: Zstd(), compression: compression)
    var scratchBuffer = ByteBuffer(byteCount: 16 << 20)
    for chunk in 0..<segment.chunkCount {
      let layout = segment.layout(ofChunk: chunk)
      var scratch = scratchBuffer.mutableBytes
      func place(_ bytes: borrowing RawSpan, _ encoded: ChunkEncoder.Encoded) throws {
        let chunk = writer.chunk(
          bytes, encoded, alignment: chunk == 0 ? segment.alignment : nil)
        if let offset = try writer.place(chunk, bytes) { try writer.write(bytes, at: offset) }
      }
      switch term.unscaled {
      case .scaled: preconditionFailure("factors do not stand in factors")
      case .dense(let codec, let values):
        let part = Self.part(values, of: segment.info, layout.elements)
        try encoder.encode(part.rawSpan, layout, codec: codec, scratch: &scratch, place)
      case .sparse(_, let index, let codec, let values, let mask):
        let part = Self.part(values, of: segment.info, layout.elements)
        var maskBuffer = ByteBuffer(
          byteCount: Kernels.maskByteCount(elementCount: layout.elementCount))
        var bits = maskBuffer.mutableBytes
        bits.fill()
        for (place, element) in layout.elements.enumerated() where mask[element] {
          bits.setBit(place)
        }
        try encoder.encodeSparse(
          part.rawSpan, mask: &bits, layout, index: index, codec: codec, scratch: &scratch, place)
      case .lowRank(_, _, _, let dtype, let u, let v):
        let bytes = Self.bytes(factor == 0 ? u : v, as: dtype)
        let part = Array(bytes[segment.info.bytes(of: layout.elements)])
        try encoder.encode(part.rawSpan, layout, codec: PlanesCodec(), scratch: &scratch, place)
      }
    }
  }

  private static func part(
    _ values: Values, of info: TensorInfo, _ elements: Range<Int>
  ) -> [UInt8] {
    switch values {
    case .bytes(let bytes): return Array(bytes[info.bytes(of: elements)])
    case .floats(let floats):
      let part = Array(floats[elements])
      return part.rawSpan.array()
    }
  }

  /// Returns the canonical bytes of floats in a dtype.
  static func bytes(_ values: [Float], as dtype: DType) -> [UInt8] {
    var buffer = ByteBuffer(byteCount: (values.count * dtype.bitsPerElement + 7) / 8)
    var span = buffer.mutableBytes
    try! Kernels.best.convert(
      values.rawSpan, from: .f32, to: dtype, elementCount: values.count, saturating: false,
      into: &span)
    return span.bytes.array()
  }

  /// Returns values like the weights of models: normally distributed around 0, with a scale for each row.
  static func weights(_ count: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      let sum = (0..<4).reduce(Float(0)) { sum, _ in sum + Float.random(in: -1...1, using: &random)
      }
      return sum * 0.02
    }
  }

  static func mask(_ count: Int, share: Double, seed: UInt64) -> [Bool] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Double.random(in: 0..<1, using: &random) < share }
  }
}

extension PackedFileBuilder.Term {
  /// The source without its factor.
  var unscaled: Self { if case .scaled(_, let inner) = self { inner } else { self } }
}
