import Base
import Checkpoints
import Codecs
import PackedFormat
import TensorCore

extension PreparedSum {
  var halfFactors: (u: [UInt8], v: [UInt8]) { (factors?.u ?? [], factors?.v ?? []) }

  // MARK: Dense

  /// Passes the values of a chunk to `body` with its outliers set to 0, followed by the memory for sums, the
  /// memory for streams, and scratch memory.
  @_lifetime(workspace: copy workspace)
  func withValues(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (
      borrowing RawSpan, inout MutableRawSpan, inout MutableRawSpan, inout MutableRawSpan
    ) throws -> Void
  ) throws {
    try withSpans(chunk, &workspace) { values, mask, sums, streams, scratch in
      try tiles.read(chunk: chunk, into: &values, scratch: &scratch)
      if outliers != nil {
        markOutliers(values.bytes, chunk, &mask)
        clear(&values, at: mask.bytes, zeros: &sums)
      }
      try body(values.bytes, &sums, &streams, &scratch)
    }
  }

  /// Marks the outliers of a chunk in `mask`, if there are any.
  @_lifetime(mask: copy mask)
  func markOutliers(_ values: borrowing RawSpan, _ chunk: Int, _ mask: inout MutableRawSpan) {
    outliers?.mark(values, chunk: chunk, in: &mask)
  }

  /// Sets the values whose mask bits are set to 0.
  /// - Parameter zeros: Memory for as many values.
  @_lifetime(values: copy values)
  @_lifetime(zeros: copy zeros)
  func clear(
    _ values: inout MutableRawSpan, at mask: borrowing RawSpan, zeros: inout MutableRawSpan
  ) {
    let kept = Kernels.best.count(ofMask: mask, elementCount: values.byteCount / 4)
    var zeros = zeros._mutatingExtracting(0..<4 * kept)
    zeros.fill()
    Kernels.best.replace(zeros.bytes, width: 4, mask: mask, in: &values)
  }

  /// Encodes values whose outliers are 0 with the dense codec.
  /// - Returns: The byte ranges of the streams in `streams`.
  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  func encodeDense(
    _ values: borrowing RawSpan, _ chunk: Int, into streams: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) -> [Range<Int>] {
    guard let codec else { return [] }
    let layout = ChunkLayout(info, chunk: chunk)
    let lengths = codec.streamByteCounts(layout)
    var target = streams._mutatingExtracting(0..<lengths.reduce(0, +))
    codec.encode(values, layout, into: &target, scratch: &scratch)
    var end = 0
    return lengths.map { length in
      end += length
      return end - length..<end
    }
  }

  /// Decodes the values of the dense term into `sums`; fills `sums` with 0 if there is no dense term.
  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  func decodeDense(
    _ streams: borrowing RawSpan, _ ranges: [Range<Int>], _ chunk: Int,
    into sums: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard let codec else { return sums.fill() }
    try codec.decode(
      streams, streams: ranges, ChunkLayout(info, chunk: chunk), into: &sums, scratch: &scratch)
  }

  @_lifetime(workspace: copy workspace)
  func encodeDense(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
  ) throws {
    guard let codec else { return }
    let count = tiles.grid[chunk].count
    let isAlone = parts.count == 1
    try withValues(chunk, &workspace) { values, sums, streams, scratch in
      let ranges = encodeDense(values, chunk, into: &streams, scratch: &scratch)
      if isAlone {
        try measureAlone(values, streams.bytes, ranges, chunk, &sums, scratch: &scratch)
      }
      try encoder.frame(
        streams.bytes, ranges, of: codec, valueCount: count, scratch: &scratch, body)
    }
  }

  /// Computes the difference between the values and the dense term of a chunk. Outliers count as 0.
  @_lifetime(residual: copy residual)
  @_lifetime(workspace: copy workspace)
  func readResidual(
    _ chunk: Int, into residual: inout MutableRawSpan, workspace: inout MutableRawSpan
  ) throws {
    try withValues(chunk, &workspace) { values, _, streams, scratch in
      let ranges = encodeDense(values, chunk, into: &streams, scratch: &scratch)
      try decodeDense(streams.bytes, ranges, chunk, into: &residual, scratch: &scratch)
      subtract(&residual, from: values)
    }
  }

  /// Computes `sums` = `values` − `sums`.
  @_lifetime(sums: copy sums)
  func subtract(_ sums: inout MutableRawSpan, from values: borrowing RawSpan) {
    let whole = Grouping(dimensions: [values.byteCount / 4], axis: 0, size: 0, start: 0)
    let minusOne: [Float] = [-1]
    Kernels.best.multiply(inPlace: &sums, whole, byScales: minusOne.rawSpan)
    Kernels.best.add(values, of: .f32, to: &sums)
  }

  // MARK: Sparse

  @_lifetime(workspace: copy workspace)
  func encodeSparse(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
  ) throws {
    guard let sparse = recipe.sparse else { return }
    let layout = ChunkLayout(info, chunk: chunk)
    let count = layout.elementCount
    try withSpans(chunk, &workspace) { values, mask, sums, streams, scratch in
      try tiles.read(chunk: chunk, into: &values, scratch: &scratch)
      markOutliers(values.bytes, chunk, &mask)
      switch sparse.mode {
      case .replace:
        var kept = sums._mutatingExtracting(0..<layout.byteCount)
        try tiles.tensor.source.read(layout.elements, into: &kept, scratch: &scratch)
        try encoder.encodeSparse(
          kept.bytes, mask: &mask, layout, index: BitmaskIndex(), codec: encoder.losslessCodec,
          scratch: &scratch, body)
      case .add:
        try sums.split(at: 4 * count) { sums, spare in
          try readSums(
            values.bytes, mask.bytes, chunk, into: &sums, &spare, &streams, scratch: &scratch)
          subtract(&sums, from: values.bytes)
          var kept = spare._mutatingExtracting(0..<layout.byteCount)
          try Kernels.best.convert(
            sums.bytes, from: .f32, to: info.dtype, elementCount: count, saturating: true,
            into: &kept)
          try encoder.encodeSparse(
            kept.bytes, mask: &mask, layout, index: BitmaskIndex(), codec: encoder.losslessCodec,
            scratch: &scratch, body)
        }
      }
    }
  }

  /// Computes the sum of the dense and the low-rank term.
  /// - Parameter spare: Memory for two more copies of the values.
  @_lifetime(sums: copy sums)
  @_lifetime(spare: copy spare)
  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  func readSums(
    _ values: borrowing RawSpan, _ mask: borrowing RawSpan, _ chunk: Int,
    into sums: inout MutableRawSpan, _ spare: inout MutableRawSpan,
    _ streams: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try readDense(
      values, mask, chunk, into: &sums, &spare, &streams, scratch: &scratch)
    factors?.add(rows: rows(of: chunk), to: &sums)
  }

  /// Computes the dense term, which does not include the outliers.
  @_lifetime(sums: copy sums)
  @_lifetime(spare: copy spare)
  @_lifetime(streams: copy streams)
  @_lifetime(scratch: copy scratch)
  func readDense(
    _ values: borrowing RawSpan, _ mask: borrowing RawSpan, _ chunk: Int,
    into sums: inout MutableRawSpan, _ spare: inout MutableRawSpan,
    _ streams: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try spare.split(at: values.byteCount) { cleared, zeros in
      cleared.copy(values)
      if outliers != nil { clear(&cleared, at: mask, zeros: &zeros) }
      let ranges = encodeDense(cleared.bytes, chunk, into: &streams, scratch: &scratch)
      try decodeDense(streams.bytes, ranges, chunk, into: &sums, scratch: &scratch)
    }
  }

  /// Returns the rows of a chunk, which consists of whole rows.
  func rows(of chunk: Int) -> Range<Int> {
    let columns = max(1, info.shape.columnCount)
    let elements = tiles.grid[chunk]
    return elements.lowerBound / columns..<elements.upperBound / columns
  }
}
