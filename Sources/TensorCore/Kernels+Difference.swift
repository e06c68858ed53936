import Base
import CKernels

/// The sums that describe how values differ from other values at the same places.
///
/// The sums of squares and products cover the pairs whose values are both finite.
package struct ValueDifference: Sendable, Hashable {
  /// The number of values that are not equal; NaN equals NaN, and +0 equals -0.
  package var changed = 0
  /// The number of changed pairs with at least one NaN or infinite value.
  package var unlike = 0
  /// The number of pairs of finite values.
  package var finite = 0
  package var zerosBefore = 0
  package var zerosAfter = 0
  package var nansBefore = 0
  package var nansAfter = 0
  package var infinitiesBefore = 0
  package var infinitiesAfter = 0
  /// The sum of the squared differences.
  package var squares = 0.0
  /// The sums of the squared values.
  package var squaresBefore = 0.0
  package var squaresAfter = 0.0
  /// The sum of the products of the values.
  package var product = 0.0
  /// The largest magnitude of a difference.
  package var largest = 0.0

  package init() {}

  package mutating func add(_ other: ValueDifference) {
    changed += other.changed
    unlike += other.unlike
    finite += other.finite
    zerosBefore += other.zerosBefore
    zerosAfter += other.zerosAfter
    nansBefore += other.nansBefore
    nansAfter += other.nansAfter
    infinitiesBefore += other.infinitiesBefore
    infinitiesAfter += other.infinitiesAfter
    squares += other.squares
    squaresBefore += other.squaresBefore
    squaresAfter += other.squaresAfter
    product += other.product
    largest = max(largest, other.largest)
  }
}

extension Kernels {
  /// Adds to `difference` the sums of values of one float dtype and values of another at the same places.
  package func addDifference(
    of before: borrowing RawSpan, _ from: DType, and after: borrowing RawSpan, _ to: DType,
    elementCount: Int, to difference: inout ValueDifference
  ) {
    precondition(from.isFloat && to.isFloat)
    precondition(before.byteCount >= (elementCount * from.bitsPerElement + 7) / 8)
    precondition(after.byteCount >= (elementCount * to.bitsPerElement + 7) / 8)
    var sums = sumac_difference()
    // SAFETY: the preconditions cover everything that the loop reads.
    unsafe before.withUnsafeBytes { before in
      unsafe after.withUnsafeBytes { after in
        unsafe table.pointee.add_difference(
          Int32(from.rawValue), before.baseAddress, Int32(to.rawValue), after.baseAddress,
          elementCount, &sums)
      }
    }
    var found = ValueDifference()
    // The counts are at most `elementCount`.
    found.changed = Int(sums.changed)
    found.unlike = Int(sums.unlike)
    found.finite = Int(sums.finite)
    found.zerosBefore = Int(sums.zeros_before)
    found.zerosAfter = Int(sums.zeros_after)
    found.nansBefore = Int(sums.nans_before)
    found.nansAfter = Int(sums.nans_after)
    found.infinitiesBefore = Int(sums.infinities_before)
    found.infinitiesAfter = Int(sums.infinities_after)
    found.squares = sums.squares
    found.squaresBefore = sums.norm_before
    found.squaresAfter = sums.norm_after
    found.product = sums.product
    found.largest = sums.largest
    difference.add(found)
  }
}
