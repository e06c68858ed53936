import Base
import Checkpoints
import TensorCore

/// A source that reads operands, combines them in float32, and rounds the results once.
struct MergedSource: TensorSource {
  let info: TensorInfo
  let operands: [Operand]
  let findings: MergeFindings
  /// The position of the tensor in the plan.
  let index: Int
  let seed: UInt64
  /// The recorder of rounding, if the dtype cannot hold all values of the operands.
  let loss: LossRecorder?

  /// - Parameter findings: The findings of the plan, in which the tensor has the position `index`.
  init(info: TensorInfo, operands: [Operand], findings: MergeFindings, index: Int, seed: UInt64) {
    self.info = info
    self.operands = operands
    self.findings = findings
    self.index = index
    self.seed = seed
    // Rounding to the dtype of the operands is part of the arithmetic.
    let isCast = !operands.allSatisfy { $0.tensor.info.dtype.isExact(in: info.dtype) }
    loss = isCast && !DType.f32.isExact(in: info.dtype) ? LossRecorder(info) : nil
  }

  /// Creates a source whose combination needs no survey.
  init(info: TensorInfo, operands: [Operand], combination: SettledCombination, seed: UInt64) {
    self.init(
      info: info, operands: operands, findings: MergeFindings([combination]), index: 0, seed: seed)
  }

  /// The combination of the tensor; a survey changes its thresholds and factors, but not the memory that it needs.
  private var combination: SettledCombination { findings[index] }

  /// The operands as a base and models; in weighted sums the first operand takes the role of the base.
  private var reading: DeltaReading {
    DeltaReading(
      name: info.name, shape: info.shape, base: operands[0],
      models: Array(operands.dropFirst()), seed: seed)
  }

  func scratchByteCount(elementCount: Int) -> Int {
    let (reading, combination) = (reading, combination)
    let piece = reading.largestPiece(elementCount: elementCount, inRows: combination.isInRows)
    return combination.workspace(reading, piece: piece).byteCount
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let (reading, combination) = (reading, combination)
    let chunk = loss?.chunk(toMeasure: elements)
    var found = chunk.map { _ in ValueLoss() }
    for piece in reading.pieces(of: elements, inRows: combination.isInRows) {
      switch combination {
      case .weightedSum(let weights, let divisor):
        try combination.workspace(reading, piece: piece.count).withSpans(of: &scratch) {
          sums, floats, rest in
          for (index, operand) in operands.enumerated() {
            try operand.read(piece, into: &floats, scratch: &rest)
            Kernels.best.add(
              floats.bytes, times: weights[index], isFirst: index == 0, to: &sums)
          }
          if divisor != 1 { Kernels.best.divide(&sums, by: divisor) }
          try settleOverflow(
            of: &sums, piece, weights: weights, isDivided: divisor != 1, floats: &floats,
            scratch: &rest)
          try store(sums.bytes, piece, of: elements, into: &values, &found)
        }
      case .taskVectors(let keeps, let zeroIsNegative, let sum):
        try reading.withPiece(piece, of: Array(keeps.indices), workspace: &scratch) {
          base, deltas, rest in
          let size = 4 * piece.count
          for (index, keep) in keeps.enumerated() where keep != .all {
            var delta = deltas._mutatingExtracting(size * index..<size * (index + 1))
            reading.apply(keep, model: index, piece, &delta, scratch: &rest)
          }
          if let zeroIsNegative {
            Kernels.keepElected(
              &deltas, vectorCount: keeps.count, zeroIsNegative: zeroIsNegative)
          }
          Kernels.best.add(deltas.bytes, sum, to: &base)
          if !keeps.isEmpty {
            var floats = deltas._mutatingExtracting(0..<size)
            try settleOverflow(
              of: &base, piece, weights: nil, isDivided: false, floats: &floats, scratch: &rest)
          }
          try store(base.bytes, piece, of: elements, into: &values, &found)
        }
      }
    }
    guard let loss, let chunk, let found else { return }
    loss.record(found, ofChunk: chunk)
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
    if let index = Kernels.best.firstOverflow(of: results, rounded: target.bytes, to: info.dtype) {
      let value = Float(bitPattern: results.littleEndian(UInt32.self, at: 4 * index) ?? 0)
      throw FormatError(
        .nonfiniteValue,
        "value \(wanted.lowerBound + index) becomes \(value), which is too large for \(info.dtype.name)",
        path: operands[0].path, tensor: info.name,
        hint: "choose a wider dtype for the output, such as bf16 or f32")
    }
    guard found != nil else { return }
    Kernels.best.addLoss(
      of: results, .f32, in: target.bytes, info.dtype, elementCount: wanted.count,
      to: &found!)
  }
}

extension SettledCombination {
  /// True if whole rows are read, because the values of a row are ranked.
  fileprivate var isInRows: Bool {
    if case .taskVectors(let keeps, _, _) = self {
      keeps.contains(where: \.isRanked)
    } else {
      false
    }
  }

  fileprivate func workspace(_ reading: DeltaReading, piece: Int) -> WorkspaceLayout {
    switch self {
    // The sums, and the values of one operand at a time.
    case .weightedSum: reading.workspace(piece: piece, models: 1, inRows: false)
    case .taskVectors(let keeps, _, _):
      reading.workspace(piece: piece, models: keeps.count, inRows: isInRows)
    }
  }
}
