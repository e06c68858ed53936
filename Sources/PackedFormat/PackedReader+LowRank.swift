import Base
import Codecs
import TensorCore

/// Reading of low-rank terms. Specification, section 5.4.
extension PackedReader {
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
      try scratch.split(at: room.values) { factors, rest in
        try addProducts(
          term, matrices, elements, segment, to: &sums, factors: &factors, scratch: &rest)
      }
    case .f64:
      // Products are computed in float32 and then added in float64.
      try scratch.split(at: room.converted) { converted, rest in
        try converted.split(at: 4 * elements.count) { narrow, wide in
          narrow.fill()
          try rest.split(at: room.values) { factors, rest in
            try addProducts(
              term, matrices, elements, segment, to: &narrow, factors: &factors, scratch: &rest)
          }
          var target = wide._mutatingExtracting(0..<8 * elements.count)
          try Kernels.best.convert(
            narrow.bytes, from: .f32, to: .f64, elementCount: elements.count, saturating: false,
            into: &target)
          Kernels.best.add(target.bytes, of: .f64, to: &sums)
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
    let vByteCount = 4 * rank * columns
    var start = elements.lowerBound
    while start < elements.upperBound {
      let matrix = start / size
      let end = min(elements.upperBound, (matrix + 1) * size)
      let rows = start / columns..<(end - 1) / columns + 1
      try factors.split(at: vByteCount) { v, rest in
        try rest.split(at: 4 * rank * rows.count) { u, stored in
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
