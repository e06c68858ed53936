import Base
import Checkpoints
import TensorCore

/// A source that scales each row of a tensor to a given Euclidean norm, in float32.
///
/// A row is everything behind an index of the first dimension.
///
/// Source: Liu et al., "DoRA", ICML 2024, equation 5; `DoraLinearLayer` of PEFT 0.21.
struct RescaledRowsSource: TensorSource {
  /// The tensor to scale, in F32.
  let base: LazyTensor
  /// The norms, one for each row.
  let norms: LazyTensor

  private var rowLength: Int {
    max(1, base.info.elementCount / max(1, base.info.shape.dimensions.first ?? 1))
  }

  /// Memory for whole rows and their norms.
  private func workspace(rowCount: Int) -> WorkspaceLayout {
    let count = rowCount * rowLength
    return WorkspaceLayout(
      4 * count, 4 * rowCount,
      scratch: max(
        base.source.scratchByteCount(elementCount: count),
        FloatReader(norms).scratchByteCount(elementCount: rowCount)))
  }

  func scratchByteCount(elementCount: Int) -> Int {
    let rowCount = min(base.info.elementCount / rowLength, elementCount / rowLength + 2)
    return workspace(rowCount: rowCount).byteCount
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard !elements.isEmpty else { return }
    let rows = elements.lowerBound / rowLength..<(elements.upperBound - 1) / rowLength + 1
    let first = rows.lowerBound * rowLength
    try workspace(rowCount: rows.count).withSpans(of: &scratch) { whole, norms, rest in
      try base.source.read(first..<first + rows.count * rowLength, into: &whole, scratch: &rest)
      try FloatReader(self.norms).read(rows, into: &norms, scratch: &rest)
      for (index, row) in rows.enumerated() {
        let start = 4 * rowLength * index
        var part = whole._mutatingExtracting(start..<start + 4 * rowLength)
        var pair = Kernels.PairSums()
        Kernels.best.compare(part.bytes, part.bytes, into: &pair)
        let norm = Float(pair.squares.squareRoot())
        let wanted = norms.bytes.littleEndian(UInt32.self, at: 4 * index) ?? 0
        guard norm > 0 || wanted << 1 == 0 else {
          throw FormatError(
            .adapter, "row \(row) is 0, so that it cannot be scaled to the norm of a DoRA",
            path: self.norms.stored.file, tensor: base.name)
        }
        guard norm > 0 else { continue }
        Kernels.best.multiply(&part, of: .f32, by: Float(bitPattern: wanted) / norm)
      }
      let offset = 4 * (elements.lowerBound - first)
      values.copy(whole.bytes.extracting(offset..<offset + 4 * elements.count))
    }
  }
}
