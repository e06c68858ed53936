import Base
import Checkpoints
import PackedFormat
import TensorCore

/// A source that reads a sum of terms chunk by chunk, with the same result as a packed file of these terms:
/// added in float32, in order, and rounded once.
///
/// Sums of F64 are added in double precision. A sum that becomes NaN, or too large for its dtype, is an error.
struct TermSumSource: ChunkedTensorSource {
  let sum: TermSum

  var info: TensorInfo { sum.info }

  func scratchByteCount(elementCount: Int) -> Int {
    let count = info.grid.largestChunk
    let parts = sum.parts.map { partScratchByteCount($0, count) }.max() ?? 0
    // A chunk that is requested in part, the sums, and room to convert them.
    return chunkByteCount + (info.dtype == .f64 ? 16 : 8) * count + parts
  }

  private func partScratchByteCount(_ part: TermSum.Part, _ count: Int) -> Int {
    switch part {
    case .stored(let stored, _):
      return stored.reader.termScratchByteCount(entry: stored.entry)
    case .dense(let tensor, _):
      return FloatReader(tensor).workspace(elementCount: count).byteCount
    case .lowRank(let u, let v, _):
      let rank = u.info.shape.columnCount
      let rows = count / max(1, v.info.shape.columnCount) + 2
      return factorWorkspace(u, v, rank: rank, rows: rows).byteCount
    }
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let elements = info.grid[chunk]
    if sum.isBits {
      return try readBits(chunk: chunk, elements, into: &values, scratch: &scratch)
    }
    if info.dtype == .f64 {
      return try readWide(elements, into: &values, scratch: &scratch)
    }
    try scratch.split(at: 4 * elements.count) { sums, rest in
      for (index, part) in sum.parts.enumerated() {
        try add(
          part, chunk: chunk, elements, isFirst: index == 0, to: &sums, scratch: &rest)
      }
      try checkOverflow(chunk: chunk, elements, of: &sums, scratch: &rest)
      try round(sums.bytes, elements, into: &values)
    }
  }

  /// Rounds sums to the dtype of the tensor.
  @_lifetime(values: copy values)
  private func round(
    _ sums: borrowing RawSpan, _ elements: Range<Int>, into values: inout MutableRawSpan
  ) throws {
    if let index = Kernels.best.firstNaN(sums) {
      throw fault("value \(elements.lowerBound + index) becomes NaN")
    }
    let dtype = info.dtype
    // Only sums of plain floats have a packed form, in which values that are too large are errors too.
    try Kernels.best.convert(
      sums, from: .f32, to: dtype, elementCount: elements.count, saturating: !dtype.isPlainFloat,
      into: &values)
    if let index = Kernels.best.firstOverflow(of: sums, rounded: values.bytes, to: dtype) {
      let value = Float(bitPattern: sums.littleEndian(UInt32.self, at: 4 * index) ?? 0)
      throw fault(
        "value \(elements.lowerBound + index) becomes \(value), which is too large for \(dtype.name)",
        hint: "convert the base first, with: \(command: "convert BASE --dtype bf16 -o OUTPUT")")
    }
  }

  func fault(_ reason: Message, hint: Message? = nil) -> FormatError {
    let path =
      switch sum.parts.first {
      case .dense(let tensor, _): tensor.stored.file
      case .lowRank(let u, _, _): u.stored.file
      case .stored(let stored, _): stored.reader.file.path
      case nil: ""
      }
    return FormatError(.nonfiniteValue, reason, path: path, tensor: info.name, hint: hint)
  }

  /// Reads a sum of which `isBits` is true.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func readBits(
    chunk: Int, _ elements: Range<Int>, into values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    for part in sum.parts {
      switch part {
      case .dense(let tensor, _):
        try tensor.source.read(elements, into: &values, scratch: &scratch)
      case .stored(let stored, _):
        if case .dense = stored.term.content {
          try stored.reader.readChunk(
            segment: stored.segments.lowerBound, chunk: chunk, into: &values, scratch: &scratch)
        } else {
          try stored.reader.replace(
            term: stored.termIndex, ofEntry: stored.entry, chunk: chunk, in: &values,
            scratch: &scratch)
        }
      case .lowRank: break
      }
    }
  }

  // MARK: Sums

  /// Adds a part to `sums`; overwrites `sums` if the part is the first.
  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  func add(
    _ part: TermSum.Part, chunk: Int, _ elements: Range<Int>, isFirst: Bool,
    to sums: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    switch part {
    case .stored(let stored, let factor):
      try stored.reader.add(
        term: stored.termIndex, ofEntry: stored.entry, chunk: chunk, factor: factor,
        isFirst: isFirst, to: &sums, scratch: &scratch)
    case .dense(let tensor, let factor):
      let reader = FloatReader(tensor)
      if isFirst {
        try reader.read(elements, into: &sums, scratch: &scratch)
        Kernels.best.multiply(&sums, of: .f32, by: factor)
      } else {
        try reader.workspace(elementCount: elements.count).withSpans(of: &scratch) {
          floats, rest in
          try reader.read(elements, into: &floats, scratch: &rest)
          Kernels.best.multiply(&floats, of: .f32, by: factor)
          Kernels.best.add(floats.bytes, of: .f32, to: &sums)
        }
      }
    case .lowRank(let u, let v, let factor):
      if isFirst { sums.fill() }
      try addProduct(u, v, factor, elements, to: &sums, scratch: &scratch)
    }
  }

  /// Returns the layout for V as float32, `rows` rows of U, and the scratch memory to read them.
  func factorWorkspace(
    _ u: LazyTensor, _ v: LazyTensor, rank: Int, rows: Int
  ) -> WorkspaceLayout {
    WorkspaceLayout(
      FloatReader.byteCount(elementCount: v.info.elementCount),
      FloatReader.byteCount(elementCount: rank * rows),
      scratch: max(
        FloatReader(v).scratchByteCount(elementCount: v.info.elementCount),
        FloatReader(u).scratchByteCount(elementCount: rank * rows)))
  }

  /// Adds the values of `elements` in the product of U and V to `sums`.
  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  func addProduct(
    _ u: LazyTensor, _ v: LazyTensor, _ factor: Float, _ elements: Range<Int>,
    to sums: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let rank = u.info.shape.columnCount
    let columns = v.info.shape.columnCount
    let rows = elements.lowerBound / columns..<(elements.upperBound - 1) / columns + 1
    try factorWorkspace(u, v, rank: rank, rows: rows.count).withSpans(of: &scratch) {
      vFloats, uFloats, rest in
      try FloatReader(v).read(0..<rank * columns, into: &vFloats, scratch: &rest)
      try FloatReader(u).read(
        rows.lowerBound * rank..<rows.upperBound * rank, into: &uFloats, scratch: &rest)
      for piece in LowRankTerm.pieces(of: elements, columns: columns) {
        let first = piece.elements.lowerBound
        var target = sums._mutatingExtracting(
          4 * (first - elements.lowerBound)..<4
            * (piece.elements.upperBound - elements.lowerBound))
        let row = first / columns - rows.lowerBound
        Kernels.best.addLowRank(
          u: uFloats.bytes.extracting(4 * rank * row..<uFloats.byteCount),
          v: vFloats.bytes.extracting(4 * (first % columns)..<vFloats.byteCount),
          stride: columns, rows: piece.rowCount,
          columns: piece.elements.count / piece.rowCount, rank: rank, scale: factor,
          to: &target)
      }
    }
  }
}
