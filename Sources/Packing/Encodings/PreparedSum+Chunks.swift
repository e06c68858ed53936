import Base
import Checkpoints
import Codecs
import PackedFormat
import TensorCore

extension PreparedSum {
  @_lifetime(workspace: copy workspace)
  func encode(
    segment: Int, chunk: Int, workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
  ) throws {
    switch parts[segment] {
    case .dense: try encodeDenseChunk(chunk, &workspace, body)
    case .u:
      try encoder.encodeFactor(
        factors?.u ?? [], segments[segment].layout(ofChunk: chunk), scratch: &workspace, body)
    case .v:
      try encoder.encodeFactor(
        factors?.v ?? [], segments[segment].layout(ofChunk: chunk), scratch: &workspace, body)
    case .sparse: try encodeSparseChunk(chunk, &workspace, body)
    }
  }

  // MARK: Dense

  /// Lends the values of a chunk with its outliers set to 0.
  @_lifetime(workspace: copy workspace)
  func withValues(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, inout MutableRawSpan) throws -> Void
  ) throws {
    try workspace.split(at: 4 * tiles.grid[chunk].count) { values, rest in
      try tiles.read(chunk: chunk, into: &values, scratch: &rest)
      if outliers != nil {
        rest.split(at: sizes.mask) { mask, rest in
          markOutliers(values.bytes, chunk, &mask)
          clear(&values, at: mask.bytes, scratch: &rest)
        }
      }
      try body(values.bytes, &rest)
    }
  }

  @_lifetime(mask: copy mask)
  func markOutliers(_ values: borrowing RawSpan, _ chunk: Int, _ mask: inout MutableRawSpan) {
    outliers?.mark(values, chunk: chunk, in: &mask)
  }

  /// Sets the values at the places of a mask to 0.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func clear(
    _ values: inout MutableRawSpan, at mask: borrowing RawSpan, scratch: inout MutableRawSpan
  ) {
    let kept = Kernels.best.count(ofMask: mask, elementCount: values.byteCount / 4)
    var zeros = scratch._mutatingExtracting(0..<4 * kept)
    zeros.fill()
    Kernels.best.replace(zeros.bytes, width: 4, mask: mask, in: &values)
  }

  /// Encodes values, their outliers being 0, by the dense codec; returns where its streams lie.
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

  /// Values of the dense term alone; 0 if there is none.
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
  private func encodeDenseChunk(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
  ) throws {
    guard let codec else { return }
    let count = tiles.grid[chunk].count
    let isAlone = parts.count == 1
    try withValues(chunk, &workspace) { values, rest in
      try rest.split(at: sizes.streams) { streams, rest in
        let ranges = encodeDense(values, chunk, into: &streams, scratch: &rest)
        if isAlone {
          try rest.split(at: sizes.sums) { sums, rest in
            try measureAlone(values, streams.bytes, ranges, chunk, &sums, scratch: &rest)
          }
        }
        try encoder.frame(
          streams.bytes, ranges, of: codec, valueCount: count, scratch: &rest, body)
      }
    }
  }

  /// What the dense term leaves of the values, outliers aside.
  @_lifetime(residual: copy residual)
  @_lifetime(scratch: copy scratch)
  func readResidual(
    _ chunk: Int, into residual: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try withValues(chunk, &scratch) { values, rest in
      try rest.split(at: sizes.streams) { streams, rest in
        let ranges = encodeDense(values, chunk, into: &streams, scratch: &rest)
        try decodeDense(streams.bytes, ranges, chunk, into: &residual, scratch: &rest)
      }
      subtract(&residual, from: values)
    }
  }

  /// sums = values − sums.
  @_lifetime(sums: copy sums)
  func subtract(_ sums: inout MutableRawSpan, from values: borrowing RawSpan) {
    let whole = Grouping(dimensions: [values.byteCount / 4], axis: 0, size: 0, start: 0)
    let minusOne: [Float] = [-1]
    Kernels.best.multiply(inPlace: &sums, whole, byScales: minusOne.rawSpan)
    Kernels.best.add(values, of: .f32, to: &sums)
  }

  // MARK: Sparse

  @_lifetime(workspace: copy workspace)
  private func encodeSparseChunk(
    _ chunk: Int, _ workspace: inout MutableRawSpan,
    _ body: (borrowing RawSpan, ChunkEncoder.Encoded) throws -> Void
  ) throws {
    guard let sparse = recipe.sparse else { return }
    let layout = ChunkLayout(info, chunk: chunk)
    let count = layout.elementCount
    try workspace.split(at: 4 * count) { values, rest in
      try rest.split(at: sizes.mask) { mask, rest in
        try tiles.read(chunk: chunk, into: &values, scratch: &rest)
        markOutliers(values.bytes, chunk, &mask)
        switch sparse.mode {
        case .replace:
          try rest.split(at: layout.byteCount) { kept, rest in
            try tiles.tensor.source.read(layout.elements, into: &kept, scratch: &rest)
            try encoder.encodeSparse(
              kept.bytes, mask: &mask, layout, index: BitmaskIndex(), codec: encoder.losslessCodec,
              scratch: &rest, body)
          }
        case .add:
          try rest.split(at: sizes.sums) { sums, rest in
            try sums.split(at: 4 * count) { sums, spare in
              try readSums(values.bytes, mask.bytes, chunk, into: &sums, &spare, scratch: &rest)
              subtract(&sums, from: values.bytes)
              var kept = spare._mutatingExtracting(0..<layout.byteCount)
              try Kernels.best.convert(
                sums.bytes, from: .f32, to: info.dtype, elementCount: count, saturating: true,
                into: &kept)
              try encoder.encodeSparse(
                kept.bytes, mask: &mask, layout, index: BitmaskIndex(),
                codec: encoder.losslessCodec,
                scratch: &rest, body)
            }
          }
        }
      }
    }
  }

  /// The sum of the dense and the low-rank term.
  @_lifetime(sums: copy sums)
  @_lifetime(spare: copy spare)
  @_lifetime(scratch: copy scratch)
  func readSums(
    _ values: borrowing RawSpan, _ mask: borrowing RawSpan, _ chunk: Int,
    into sums: inout MutableRawSpan, _ spare: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    var cleared = spare._mutatingExtracting(0..<values.byteCount)
    cleared.copy(values)
    if outliers != nil { clear(&cleared, at: mask, scratch: &scratch) }
    try scratch.split(at: sizes.streams) { streams, rest in
      let ranges = encodeDense(cleared.bytes, chunk, into: &streams, scratch: &rest)
      try decodeDense(streams.bytes, ranges, chunk, into: &sums, scratch: &rest)
    }
    factors?.add(rows: rows(of: chunk), to: &sums)
  }

  func rows(of chunk: Int) -> Range<Int> {
    let columns = max(1, info.shape.columnCount)
    let elements = tiles.grid[chunk]
    return elements.lowerBound / columns..<elements.upperBound / columns
  }
}
