import Base
import Checkpoints
import Codecs
import PackedFormat
import Packing
import TensorCore

/// A quantized tensor of a cache whose chunks can be written in any order.
struct PreparedGear: SumOfTermsEncoding {
  let tensor: LazyTensor
  let fit: GearFit
  let encoder: ChunkEncoder
  private let codec: AffineCodec

  init(tensor: LazyTensor, fit: GearFit, encoder: ChunkEncoder) {
    self.tensor = tensor
    self.fit = fit
    self.encoder = encoder
    codec = fit.shape.codec(
      scales: fit.scaleDType, packing: encoder.compression == .none ? .bits : .bytes)
  }

  private var shape: GearShape { fit.shape }
  private var info: TensorInfo { tensor.info }

  /// Returns the number of bytes of workspace that encoding a chunk needs.
  static func workspaceByteCount(
    _ shape: GearShape, _ codec: AffineCodec, _ encoder: ChunkEncoder, _ layout: ChunkLayout
  ) -> Int {
    let largestFactorCount = factorShapes(shape).map(\.elementCount).max() ?? 0
    // A chunk that starts inside a group has more cells than the first chunk.
    let dense = denseLayout(
      streamByteCount: 3 * codec.streamByteCounts(layout).reduce(0, +),
      frameByteCount: encoder.frameScratchByteCount(codec, layout))
    let factor = ChunkLayout(dtype: .f16, listOf: min(1 << 19, largestFactorCount))
    return max(
      dense.byteCount, sparseLayout(encoder, layout).byteCount,
      encoder.scratchByteCount(PlanesCodec(), factor))
  }

  /// Returns the layout of the memory for a dense chunk: its streams, and scratch memory for the numbers of its
  /// cells as float32, which are at most twice as long as their streams, and for the frame.
  private static func denseLayout(streamByteCount: Int, frameByteCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(streamByteCount, scratch: max(2 * streamByteCount, frameByteCount))
  }

  /// Returns the layout of the memory for a sparse chunk: kept values, their mask, and scratch memory.
  private static func sparseLayout(
    _ encoder: ChunkEncoder, _ layout: ChunkLayout
  ) -> WorkspaceLayout {
    WorkspaceLayout(
      layout.byteCount, Kernels.maskByteCount(elementCount: layout.elementCount),
      scratch: encoder.sparseScratchByteCount(PlanesCodec(), layout))
  }

  var workspaceByteCount: Int {
    guard info.grid.count > 0 else { return 0 }
    return Self.workspaceByteCount(shape, codec, encoder, ChunkLayout(info, chunk: 0))
  }

  // MARK: Terms

  /// Returns the shapes of the factors U and V.
  static func factorShapes(_ shape: GearShape) -> [Shape] {
    // `GearShape.fault` rejects tensors for which these shapes are invalid before any tensor is planned.
    [
      try! Shape([shape.slabCount * shape.tokens, shape.settings.rank]),
      try! Shape([shape.slabCount * shape.settings.rank, shape.dim]),
    ]
  }

  var parts: [SumPart] {
    let product: [SumPart] = shape.settings.rank > 0 ? [.u, .v] : []
    let outliers: [SumPart] = shape.hasOutliers ? [.sparse] : []
    return [.dense] + (shape.settings.isOfficial ? outliers + product : product + outliers)
  }

  private var terms: [PackedTerm] {
    parts.compactMap { part -> PackedTerm? in
      switch part {
      case .dense: return PackedTerm(codec, of: info)
      case .u:
        let factors = Self.factorShapes(shape).map {
          LowRankTerm.Factor(dtype: .f16, codec: encoder.losslessCodec, shape: $0)
        }
        return PackedTerm(
          .lowRank(
            LowRankTerm(
              batch: 2, rank: shape.settings.rank, scale: fit.productScale, u: factors[0],
              v: factors[1])),
          chunkCount: factors.reduce(0) {
            $0 + ChunkGrid(dtype: $1.dtype, shape: $1.shape).count
          })
      case .v: return nil
      case .sparse:
        return PackedTerm(
          .sparse(.replace, BitmaskIndex(), encoder.losslessCodec), chunkCount: info.grid.count)
      }
    }
  }

  var segments: [PackedSegment] { PackedTensor(info, terms: terms).segments(entry: 0) }

  func finished() -> PackedTensor {
    var result = PackedTensor(info, terms: terms, contentID: fit.contentID)
    guard let whole = fit.distances.last else { return result }
    // Without outliers the error after each term is known; otherwise only that after the last term.
    if fit.distances.count == result.terms.count + 1 {
      for index in result.terms.indices {
        result.terms[index].error = fit.distances[index].squares.squareRoot()
      }
    } else {
      result.terms[result.terms.count - 1].error = whole.squares.squareRoot()
    }
    result.quality = PackedTensor.Quality(
      norm: whole.normSquares.squareRoot(), error: whole.squares.squareRoot(),
      largest: Double(whole.largest))
    return result
  }

  // MARK: Chunks

  var halfFactors: (u: [UInt8], v: [UInt8]) { (fit.u, fit.v) }

  @_lifetime(workspace: copy workspace)
  func encodeDense(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
  ) throws {
    let layout = ChunkLayout(info, chunk: chunk)
    let lengths = codec.streamByteCounts(layout)
    let cellRanges = cells(of: layout.elements)
    let cellCount = cellRanges.reduce(0) { $0 + $1.count }
    let space = Self.denseLayout(streamByteCount: lengths.reduce(0, +), frameByteCount: 0)
    try space.withSpans(of: &workspace) { streams, rest in
      let bits = shape.storedCodeBits
      let bytes = layout.elements.lowerBound * bits / 8..<layout.elements.upperBound * bits / 8
      fit.codes.withBytes(bytes) { codes in
        if bits == 8 {
          codec.write(codes: codes, into: &streams)
        } else {
          // These codes are already packed as the stream needs them.
          streams.copy(codes)
        }
      }
      for (numbers, byteOffset) in [
        (fit.scales, lengths[0]), (fit.zeros, lengths[0] + lengths[1]),
      ] {
        var end = 0
        for range in cellRanges {
          rest.copy(
            numbers.rawSpan.extracting(4 * range.lowerBound..<4 * range.upperBound), at: end)
          end += 4 * range.count
        }
        codec.write(
          scales: rest.bytes.extracting(0..<end), count: cellCount, at: byteOffset, in: &streams)
      }
      var end = 0
      let ranges = lengths.map { length in
        end += length
        return end - length..<end
      }
      try encoder.frame(
        streams.bytes, ranges, of: codec, valueCount: layout.elementCount, scratch: &rest, body)
    }
  }

  /// Returns the cells of a chunk in order, one range for each intersection of a group and the chunk.
  private func cells(of elements: Range<Int>) -> [Range<Int>] {
    let rows = elements.lowerBound / shape.dim..<elements.upperBound / shape.dim
    let step = shape.cellsPerStep
    guard shape.part == .key else { return [rows.lowerBound * step..<rows.upperBound * step] }
    var ranges: [Range<Int>] = []
    var row = rows.lowerBound
    while row < rows.upperBound {
      let (slab, token) = (row / shape.tokens, row % shape.tokens)
      let group = token / max(1, shape.group)
      let end = min(
        (slab + 1) * shape.tokens, slab * shape.tokens + (group + 1) * max(1, shape.group))
      let first = slab * shape.slabCellCount + group * step
      ranges.append(first..<first + step)
      row = min(rows.upperBound, end)
    }
    return ranges
  }

  @_lifetime(workspace: copy workspace)
  func encodeSparse(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
  ) throws {
    let layout = ChunkLayout(info, chunk: chunk)
    let width = info.dtype.bitsPerElement / 8
    try Self.sparseLayout(encoder, layout).withSpans(of: &workspace) { kept, mask, rest in
      mask.fill()
      var count = 0
      for (slab, range) in slabs(of: layout.elements) {
        let element = slab * shape.slabElementCount + range.lowerBound
        fit.masks.withBytes(maskBytes(slab)) {
          mask.copyBits(range, of: $0, to: element - layout.elements.lowerBound)
        }
        let values = keptValues(slab, range)
        let bytes = fit.kept[slab]
        kept.copy(bytes.rawSpan.extracting(values), at: count)
        count += values.count
      }
      try encoder.encodeKept(
        kept.bytes.extracting(0..<count), mask: mask.bytes, layout,
        candidates: candidates(keptCount: count / width, of: layout.elementCount),
        codec: encoder.losslessCodec, scratch: &rest, body)
    }
  }

  /// Returns the index codecs to try.
  ///
  /// For up to 1 value in 32 gaps are the smaller index, because even a compressed mask needs a bit for each byte.
  private func candidates(keptCount: Int, of count: Int) -> [any IndexCodec] {
    32 * keptCount <= count ? [Gap8Index()] : ChunkEncoder.candidates(BitmaskIndex())
  }

  /// Returns the slabs that a range of elements overlaps, each with the range of its own elements.
  private func slabs(of elements: Range<Int>) -> [(slab: Int, range: Range<Int>)] {
    let size = shape.slabElementCount
    return (elements.lowerBound / size...(elements.upperBound - 1) / size).map { slab in
      let start = slab * size
      return (
        slab,
        max(elements.lowerBound, start) - start..<min(elements.upperBound, start + size) - start
      )
    }
  }

  private func maskBytes(_ slab: Int) -> Range<Int> {
    let count = Kernels.maskByteCount(elementCount: shape.slabElementCount)
    return slab * count..<(slab + 1) * count
  }

  /// Returns the byte range of a range's exact values among those of its slab.
  private func keptValues(_ slab: Int, _ range: Range<Int>) -> Range<Int> {
    fit.masks.withBytes(maskBytes(slab)) { mask in
      let before = Kernels.best.count(ofMask: mask, bits: 0..<range.lowerBound)
      let count = Kernels.best.count(ofMask: mask, bits: range)
      let width = info.dtype.bitsPerElement / 8
      return before * width..<(before + count) * width
    }
  }
}
