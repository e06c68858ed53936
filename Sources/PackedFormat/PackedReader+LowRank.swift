import Base
import Codecs
import TensorCore

/// Reading of low-rank terms. Specification, section 5.4.
extension PackedReader {
  /// Returns the layout of the memory for a chunk's part of a low-rank term: V of one matrix, U of the rows of the
  /// chunk, and memory for either as it is stored.
  func factorLayout(_ term: LowRankTerm, _ info: TensorInfo) -> WorkspaceLayout {
    guard let matrices = LowRankTerm.Matrices(info.shape, batch: term.batch) else {
      return WorkspaceLayout(0, 0)
    }
    let rows = min(
      matrices.count * matrices.rows, info.grid.largestChunk / max(1, matrices.columns) + 2)
    return factorLayout(rank: term.rank, rows: rows, columns: matrices.columns)
  }

  private func factorLayout(rank: Int, rows: Int, columns: Int) -> WorkspaceLayout {
    // Stored factors have at most four bytes for each value.
    WorkspaceLayout(4 * rank * columns, 4 * rank * rows, scratch: 4 * rank * max(rows, columns))
  }

  /// Adds the product of a low-rank term, with the scale `addend.factor`, to the sums of a chunk.
  @_lifetime(sums: copy sums)
  @_lifetime(scratch: copy scratch)
  func addLowRank(
    _ term: LowRankTerm, _ info: TensorInfo, _ addend: Addend, to sums: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    var term = term
    term.scale = addend.factor
    let (segment, room) = (addend.segment, addend.room)
    guard let matrices = LowRankTerm.Matrices(info.shape, batch: term.batch) else { return }
    let elements = info.grid[addend.chunk]
    switch addend.dtype {
    case .f32:
      try room.term.withSpans(of: &scratch) { _, rest in
        try room.stored.withSpans(of: &rest) { factors, _, rest in
          try addProducts(
            term, matrices, elements, segment, to: &sums, factors: &factors, scratch: &rest)
        }
      }
    case .f64:
      // Products are computed in float32 and then added in float64.
      let products = WorkspaceLayout(4 * elements.count, 8 * elements.count)
      try room.term.withSpans(of: &scratch) { converted, rest in
        try products.withSpans(of: &converted) { narrow, wide, _ in
          narrow.fill()
          try room.stored.withSpans(of: &rest) { factors, _, rest in
            try addProducts(
              term, matrices, elements, segment, to: &narrow, factors: &factors, scratch: &rest)
          }
          try Kernels.best.convert(
            narrow.bytes, from: .f32, to: .f64, elementCount: elements.count, saturating: false,
            into: &wide)
          Kernels.best.add(wide.bytes, of: .f64, to: &sums)
        }
      }
    }
  }

  /// Adds scale · U · V to the sums of a flat range of the tensor's elements, matrix by matrix.
  @_lifetime(sums: copy sums)
  @_lifetime(factors: copy factors)
  @_lifetime(scratch: copy scratch)
  private func addProducts(
    _ term: LowRankTerm, _ matrices: LowRankTerm.Matrices, _ elements: Range<Int>, _ segment: Int,
    to sums: inout MutableRawSpan, factors: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let (rank, columns) = (term.rank, matrices.columns)
    let size = matrices.rows * columns
    var start = elements.lowerBound
    while start < elements.upperBound {
      let matrix = start / size
      let end = min(elements.upperBound, (matrix + 1) * size)
      let rows = start / columns..<(end - 1) / columns + 1
      let space = factorLayout(rank: rank, rows: rows.count, columns: columns)
      try space.withSpans(of: &factors) { v, u, stored in
        try readFactor(
          segment, term.u, rows.lowerBound * rank..<rows.upperBound * rank, into: &u,
          stored: &stored, scratch: &scratch)
        try readFactor(
          segment + 1, term.v, matrix * rank * columns..<(matrix + 1) * rank * columns,
          into: &v, stored: &stored, scratch: &scratch)
        for piece in LowRankTerm.pieces(of: start..<end, columns: columns) {
          let first = piece.elements.lowerBound
          var target = sums._mutatingExtracting(
            4 * (first - elements.lowerBound)..<4
              * (piece.elements.upperBound - elements.lowerBound))
          let row = first / columns - rows.lowerBound
          Kernels.best.addLowRank(
            u: u.bytes.extracting(4 * rank * row..<u.byteCount),
            v: v.bytes.extracting(4 * (first % columns)..<v.byteCount), stride: columns,
            rows: piece.rowCount, columns: piece.elements.count / piece.rowCount, rank: rank,
            scale: term.scale, to: &target)
        }
      }
      start = end
    }
  }

  /// Reads a range of a factor as float32.
  @_lifetime(values: copy values)
  @_lifetime(stored: copy stored)
  @_lifetime(scratch: copy scratch)
  private func readFactor(
    _ segment: Int, _ factor: LowRankTerm.Factor, _ elements: Range<Int>,
    into values: inout MutableRawSpan, stored: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    if !factor.codec.isLossless || factor.dtype == .f32 {
      return try readValues(
        segment: segment, elements, into: &values, scratch: &scratch)
    }
    var target = stored._mutatingExtracting(
      0..<elements.count * factor.dtype.bitsPerElement / 8)
    try readValues(segment: segment, elements, into: &target, scratch: &scratch)
    try Kernels.best.convert(
      target.bytes, from: factor.dtype, to: .f32, elementCount: elements.count, saturating: false,
      into: &values)
  }
}
