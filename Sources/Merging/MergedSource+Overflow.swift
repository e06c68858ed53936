import Base
import Checkpoints
import TensorCore

/// Results that are not finite although every operand is: sums that overflow in float32.
extension MergedSource {
  /// The number of results that are examined together.
  private static let roundElementCount = 1 << 15

  /// The results of one round: where they are, if all their operands are finite, and their sums in double precision.
  private struct Round {
    var indices: [Int] = []
    var areFinite: [Bool] = []
    var sums: [Double] = []
  }

  /// Computes weighted sums that are not finite in float32 again, in double precision.
  ///
  /// A mean of finite values is finite, even if the sum that is divided is not.
  /// - Parameters:
  ///   - results: The results of the piece in float32. Those that change have finite operands.
  ///   - weights: The weights of the operands; nil if the results are not weighted sums.
  ///   - floats: Memory for the values of one operand.
  /// - Throws: `FormatError` for the first result that is not finite although its operands are.
  @_lifetime(results: copy results)
  @_lifetime(floats: copy floats)
  @_lifetime(scratch: copy scratch)
  func settleOverflow(
    of results: inout MutableRawSpan, _ piece: Range<Int>, weights: [Float]?, isDivided: Bool,
    floats: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    guard var start = Kernels.best.firstNotFinite(results.bytes) else { return }
    // Weights of float32 and their sum are exact or nearly so in double precision.
    let divisor = isDivided ? (weights ?? []).reduce(0) { $0 + Double($1) } : 1
    while start < piece.count {
      var round = Round()
      while start < piece.count, round.indices.count < Self.roundElementCount {
        if !Self.float(results.bytes, start).isFinite { round.indices.append(start) }
        start += 1
      }
      round.areFinite = Array(repeating: true, count: round.indices.count)
      round.sums = Array(repeating: 0, count: round.indices.count)
      for (number, operand) in operands.enumerated() {
        let weight = weights.map { Double($0[number]) } ?? 0
        try operand.read(piece, into: &floats, scratch: &scratch) { stored in
          for (position, index) in round.indices.enumerated()
          where !stored.isFinite(index, dtype: operand.tensor.info.dtype) {
            round.areFinite[position] = false
          }
        }
        for (position, index) in round.indices.enumerated() {
          round.sums[position] += weight * Double(Self.float(floats.bytes, index))
        }
      }
      for (position, index) in round.indices.enumerated() where round.areFinite[position] {
        let result = weights == nil ? .infinity : Float(round.sums[position] / divisor)
        guard result.isFinite else { throw overflow(at: piece.lowerBound + index) }
        results.storeLittleEndian(result.bitPattern, at: 4 * index)
      }
    }
  }

  private func overflow(at element: Int) -> FormatError {
    FormatError(
      .nonfiniteValue,
      "value \(element) becomes infinite, although the values that are merged are finite",
      path: operands[0].path, tensor: info.name,
      hint:
        "merge with a wider dtype such as float32, with smaller weights, or without the tensor: "
        + "\(setting: "exclude") '\(info.name.printable)'")
  }

  private static func float(_ values: borrowing RawSpan, _ index: Int) -> Float {
    Float(bitPattern: values.littleEndian(UInt32.self, at: 4 * index) ?? 0)
  }
}
