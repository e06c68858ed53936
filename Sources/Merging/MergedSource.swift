import Base
import Checkpoints
import TensorCore

/// A source that reads operands, combines them in float32, and rounds the results once.
struct MergedSource: TensorSource {
  let info: TensorInfo
  let operands: [Operand]
  let combination: SettledCombination
  let seed: UInt64
  let loss: LossRecorder?
  /// True if the dtype cannot hold all values of the operands, so that rounding is more than part of the arithmetic.
  private let isCast: Bool

  init(
    info: TensorInfo, operands: [Operand], combination: SettledCombination, seed: UInt64
  ) {
    self.info = info
    self.operands = operands
    self.combination = combination
    self.seed = seed
    loss = DType.f32.isExact(in: info.dtype) ? nil : LossRecorder(info)
    isCast = !operands.allSatisfy { $0.tensor.info.dtype.isExact(in: info.dtype) }
  }

  /// The operands as a base and models; in weighted sums the first operand takes the role of the base.
  private var reading: DeltaReading {
    DeltaReading(
      name: info.name, shape: info.shape, base: operands[0],
      models: Array(operands.dropFirst()), seed: seed)
  }

  private var isInRows: Bool {
    if case .taskVectors(let keeps, _) = combination {
      keeps.contains(where: \.isRanked)
    } else {
      false
    }
  }

  func scratchByteCount(elementCount: Int) -> Int {
    let reading = reading
    let piece = reading.largestPiece(elementCount: elementCount, inRows: isInRows)
    return workspace(reading, piece: piece).byteCount
  }

  private func workspace(_ reading: DeltaReading, piece: Int) -> WorkspaceLayout {
    switch combination {
    // The sums, and the values of one operand at a time.
    case .weightedSum: reading.workspace(piece: piece, models: 1, inRows: false)
    case .taskVectors(let keeps, _):
      reading.workspace(piece: piece, models: keeps.count, inRows: isInRows)
    }
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let reading = reading
    let chunk = loss?.chunk(toMeasure: elements)
    var found = chunk.map { _ in ValueLoss() }
    for piece in reading.pieces(of: elements, inRows: isInRows) {
      switch combination {
      case .weightedSum(let weights, let divisor):
        try workspace(reading, piece: piece.count).withSpans(of: &scratch) {
          sums, floats, rest in
          for (index, operand) in operands.enumerated() {
            try operand.read(piece, into: &floats, scratch: &rest)
            Kernels.best.add(
              floats.bytes, times: weights[index], isFirst: index == 0, to: &sums)
          }
          if divisor != 1 { Kernels.best.divide(&sums, by: divisor) }
          try store(sums.bytes, piece, of: elements, into: &values, &found)
        }
      case .taskVectors(let keeps, let sum):
        try reading.withPiece(piece, of: Array(keeps.indices), workspace: &scratch) {
          base, deltas, rest in
          let size = 4 * piece.count
          for (index, keep) in keeps.enumerated() where keep != .all {
            var delta = deltas._mutatingExtracting(size * index..<size * (index + 1))
            reading.apply(keep, model: index, piece, &delta, scratch: &rest)
          }
          Kernels.best.add(deltas.bytes, sum, to: &base)
          try store(base.bytes, piece, of: elements, into: &values, &found)
        }
      }
    }
    guard let loss, let chunk, let found else { return }
    // Rounding to the dtype of the operands is part of the arithmetic; an infinity is not.
    loss.record(isCast || found.infinities > 0 ? found : ValueLoss(), ofChunk: chunk)
  }

  /// Rounds the requested part of a piece into `values`, and adds the loss to `found` unless that is nil.
  @_lifetime(values: copy values)
  private func store(
    _ results: borrowing RawSpan, _ piece: Range<Int>, of elements: Range<Int>,
    into values: inout MutableRawSpan, _ found: inout ValueLoss?
  ) throws {
    if let index = Kernels.best.firstNaN(results) {
      throw FormatError(
        .nanOperand,
        "value \(piece.lowerBound + index) becomes NaN because infinite values cancel each other",
        path: operands[0].path, tensor: info.name)
    }
    let wanted = piece.clamped(to: elements)
    let width = info.dtype.bitsPerElement / 8
    let start = width * (wanted.lowerBound - elements.lowerBound)
    var target = values._mutatingExtracting(start..<start + width * wanted.count)
    let first = 4 * (wanted.lowerBound - piece.lowerBound)
    let results = results.extracting(first..<first + 4 * wanted.count)
    try Kernels.best.convert(
      results, from: .f32, to: info.dtype, elementCount: wanted.count, saturating: false,
      into: &target)
    guard found != nil else { return }
    Kernels.best.addLoss(
      of: results, .f32, in: target.bytes, info.dtype, elementCount: wanted.count,
      to: &found!)
  }
}
