import Base
import CKernels

/// The difference between values and the values that were made of them.
///
/// Values that were not finite, or are not finite any more, count in `infinities` only.
package struct ValueLoss: Sendable, Hashable {
  /// The sum of the squared differences.
  package var squares: Double
  /// The sum of the squared values.
  package var normSquares: Double
  /// The largest difference.
  package var largest: Double
  /// The number of finite values that became infinite.
  package var infinities: Int
  /// The number of zeros after, less that before: the number of values that became zero, unless others ceased to be.
  package var zeros: Int

  package init(
    squares: Double = 0, normSquares: Double = 0, largest: Double = 0, infinities: Int = 0,
    zeros: Int = 0
  ) {
    self.squares = squares
    self.normSquares = normSquares
    self.largest = largest
    self.infinities = infinities
    self.zeros = zeros
  }

  package mutating func add(_ other: ValueLoss) {
    squares += other.squares
    normSquares += other.normSquares
    largest = max(largest, other.largest)
    infinities += other.infinities
    zeros += other.zeros
  }

  /// True if every value is what it was.
  package var isNone: Bool { largest == 0 && infinities == 0 && zeros == 0 }

  /// The share of the sum of squares that was lost, ‖x − x̂‖² / ‖x‖²; 1 if values of norm 0 changed.
  package var energy: Double {
    normSquares > 0 ? squares / normSquares : isNone ? 0 : 1
  }

  /// ‖x − x̂‖ / ‖x‖; 1 if values of norm 0 changed.
  package var relative: Double { energy.squareRoot() }
}

extension Kernels {
  /// Adds to `loss` the difference between values of one float dtype and the values of another that were made of them.
  package func addLoss(
    of before: borrowing RawSpan, _ from: DType, in after: borrowing RawSpan, _ to: DType,
    elementCount: Int, to loss: inout ValueLoss
  ) {
    precondition(from.isFloat && to.isFloat)
    precondition(before.byteCount >= (elementCount * from.bitsPerElement + 7) / 8)
    precondition(after.byteCount >= (elementCount * to.bitsPerElement + 7) / 8)
    var sums = sumac_loss()
    // SAFETY: the preconditions cover everything that the loop reads.
    unsafe before.withUnsafeBytes { before in
      unsafe after.withUnsafeBytes { after in
        unsafe table.pointee.add_loss(
          Int32(from.rawValue), before.baseAddress, Int32(to.rawValue), after.baseAddress,
          elementCount, &sums)
      }
    }
    loss.add(
      ValueLoss(
        squares: sums.squares, normSquares: sums.norm_squares, largest: sums.largest,
        infinities: Int(sums.infinities), zeros: Int(sums.zeros)))
  }
}
