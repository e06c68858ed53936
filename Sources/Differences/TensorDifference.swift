package import TensorCore

/// The difference of a tensor of model A from its counterpart in model B.
package struct TensorDifference: Sendable, Equatable, Codable {
  /// The relation of the two tensors.
  package enum Status: String, Sendable, Codable, CaseIterable {
    /// The dtypes and all bytes are equal.
    case equal
    /// All values are equal, but not all bytes: the dtypes differ, or the sign of a zero or the bits of a NaN.
    case equalValues = "equal-values"
    /// Values differ.
    case changed
    /// The shapes differ, so that values were not compared.
    case shape
    /// Only model A has the tensor.
    case missing
    /// Only model B has the tensor.
    case added
    /// A part of one of the tensors cannot be read; the measures cover the rest.
    case damaged
  }

  /// The tensor in one of the models.
  package struct Side: Sendable, Equatable, Codable {
    package var name: String
    /// The name of the dtype, such as `BF16`.
    package var dtype: String
    package var shape: [Int]
    /// The number of bytes in the file, after compression.
    package var storedByteCount: Int

    package init(name: String, dtype: String, shape: [Int], storedByteCount: Int) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
      self.storedByteCount = storedByteCount
    }

    enum CodingKeys: String, CodingKey {
      case name, dtype, shape
      case storedByteCount = "stored_bytes"
    }

    package var elementCount: Int { shape.reduce(1, *) }
  }

  package var status: Status
  /// The tensor in A; nil if it is `added`.
  package var a: Side?
  /// The tensor in B; nil if it is `missing`. Its name differs from that in A if the tensor was renamed.
  package var b: Side?
  /// The measures of the values; nil if they were not compared, or if both tensors are equal by checksum.
  package var measures: Measures?
  /// True if both values are known to be equal from checksums alone, without decoding them.
  package var isEqualByChecksum: Bool
  /// The reasons why parts of the tensors cannot be read.
  package var faults: [String]
  /// True if the tensor counts as different: it is not `equal`, and beyond the tolerance if there is one.
  package var differs: Bool

  package init(
    _ status: Status, a: Side?, b: Side?, measures: Measures? = nil,
    isEqualByChecksum: Bool = false, faults: [String] = []
  ) {
    self.status = status
    self.a = a
    self.b = b
    self.measures = measures
    self.isEqualByChecksum = isEqualByChecksum
    self.faults = faults
    differs = status != .equal
  }

  enum CodingKeys: String, CodingKey {
    case status, a, b, measures, faults, differs
    case isEqualByChecksum = "equal_by_checksum"
  }

  /// The name in A, or in B if only B has the tensor.
  package var name: String { a?.name ?? b?.name ?? "" }
  /// True if the tensor has another name in B.
  package var isRenamed: Bool {
    guard let a, let b else { return false }
    return Array(a.name.utf8) != Array(b.name.utf8)
  }
  package var elementCount: Int { (a ?? b)?.elementCount ?? 0 }
}

/// The distance between the values a and b of a tensor, over the pairs whose values are both finite.
///
/// Integers and booleans are compared as numbers, complex numbers as pairs of numbers.
package struct Measures: Sendable, Equatable, Codable {
  /// The number of pairs of values that were compared.
  package var valueCount: Int
  /// The number of pairs of finite values.
  package var finiteCount: Int
  /// The number of values that are not equal; NaN equals NaN, and +0 equals -0.
  package var changedCount: Int
  /// The number of changed pairs with at least one NaN or infinite value.
  package var nonfiniteChangedCount: Int
  /// The largest |a − b|.
  package var largestError: Double
  /// ‖a − b‖₂; an upper bound of it if squares of F64 values overflow or underflow.
  package var errorNorm: Double
  /// ‖a‖₂; not known if it is not in `knownNorms`.
  package var normA: Double
  /// ‖b‖₂; not known if it is not in `knownNorms`.
  package var normB: Double
  /// ⟨a, b⟩.
  package var product: Double
  package var zerosA: Int
  package var zerosB: Int
  package var nansA: Int
  package var nansB: Int
  package var infinitiesA: Int
  package var infinitiesB: Int

  enum CodingKeys: String, CodingKey {
    case valueCount = "values"
    case finiteCount = "finite"
    case changedCount = "changed"
    case nonfiniteChangedCount = "nonfinite_changed"
    case largestError = "max_error"
    case errorNorm = "error_norm"
    case normA = "norm_a"
    case normB = "norm_b"
    case product
    case zerosA = "zeros_a"
    case zerosB = "zeros_b"
    case nansA = "nans_a"
    case nansB = "nans_b"
    case infinitiesA = "infinities_a"
    case infinitiesB = "infinities_b"
  }

  package init(_ sums: ValueDifference, valueCount: Int) {
    self.valueCount = valueCount
    finiteCount = sums.finite
    changedCount = sums.changed
    nonfiniteChangedCount = sums.unlike
    largestError = sums.largest
    let norm = sums.squares.squareRoot()
    errorNorm =
      Self.knownNorms.contains(norm)
      ? norm : sums.largest * Double(sums.changed - sums.unlike).squareRoot()
    normA = sums.squaresBefore.squareRoot()
    normB = sums.squaresAfter.squareRoot()
    product = sums.product
    zerosA = sums.zerosBefore
    zerosB = sums.zerosAfter
    nansA = sums.nansBefore
    nansB = sums.nansAfter
    infinitiesA = sums.infinitiesBefore
    infinitiesB = sums.infinitiesAfter
  }

  /// Returns the measures of both sets of values together.
  package func adding(_ other: Measures) -> Measures {
    var sum = self
    sum.valueCount += other.valueCount
    sum.finiteCount += other.finiteCount
    sum.changedCount += other.changedCount
    sum.nonfiniteChangedCount += other.nonfiniteChangedCount
    sum.largestError = max(largestError, other.largestError)
    sum.errorNorm = Self.norm(errorNorm, other.errorNorm)
    sum.normA = Self.norm(normA, other.normA)
    sum.normB = Self.norm(normB, other.normB)
    sum.product += other.product
    sum.zerosA += other.zerosA
    sum.zerosB += other.zerosB
    sum.nansA += other.nansA
    sum.nansB += other.nansB
    sum.infinitiesA += other.infinitiesA
    sum.infinitiesB += other.infinitiesB
    return sum
  }

  /// Returns √(x² + y²), without overflow or underflow of the squares.
  private static func norm(_ x: Double, _ y: Double) -> Double {
    let largest = max(x, y)
    guard largest > 0, largest.isFinite else { return x + y }
    // Scaling by a power of two keeps all digits.
    let scale = Double(sign: .plus, exponent: largest.exponent, significand: 1)
    let (p, q) = (x / scale, y / scale)
    return (p * p + q * q).squareRoot() * scale
  }

  /// The norms whose squares F64 holds with all digits; all that are not 0 if the values are of a smaller dtype.
  private static let knownNorms: ClosedRange<Double> = 0x1p-480...0x1p511

  /// True if all pairs of finite values are equal.
  private var isUnchanged: Bool { errorNorm == 0 && changedCount <= nonfiniteChangedCount }

  /// True if values are NaN or infinite on one side and not the same on the other.
  package var hasNonfiniteChange: Bool { nonfiniteChangedCount > 0 }

  /// The root mean square of a − b; 0 without finite values.
  package var rootMeanSquare: Double {
    finiteCount == 0 ? 0 : errorNorm / Double(finiteCount).squareRoot()
  }

  /// ‖a − b‖ / ‖a‖: 0 if both are equal, and otherwise nil if ‖a‖ is 0 or not known.
  package var relativeError: Double? {
    if isUnchanged { return 0 }
    return Self.knownNorms.contains(normA) ? errorNorm / normA : nil
  }

  /// ⟨a, b⟩ / (‖a‖ ‖b‖), from -1 to 1: 1 if both are equal, and otherwise nil if one of the norms is 0 or not known.
  package var cosine: Double? {
    if isUnchanged { return 1 }
    guard hasKnownNorms, product.isFinite else { return nil }
    return min(1, max(-1, product / normA / normB))
  }

  /// 1 − cosine without the loss of digits of that subtraction: (‖a − b‖² − (‖a‖ − ‖b‖)²) / (2 ‖a‖ ‖b‖); 0 if both
  /// are equal, and otherwise nil if one of the norms is 0 or not known.
  package var cosineDistance: Double? {
    if isUnchanged { return 0 }
    guard hasKnownNorms, errorNorm.isFinite else { return nil }
    let gap = normA - normB
    return min(2, max(0, (errorNorm - gap) / normA * ((errorNorm + gap) / normB) / 2))
  }

  /// ‖b‖ / ‖a‖ − 1; nil if ‖a‖ is 0, or if one of the norms is not known.
  package var normChange: Double? {
    guard Self.knownNorms.contains(normA), normB == 0 || Self.knownNorms.contains(normB) else {
      return nil
    }
    return normB / normA - 1
  }

  private var hasKnownNorms: Bool {
    Self.knownNorms.contains(normA) && Self.knownNorms.contains(normB)
  }

  /// The share of zeros in a, from 0 to 1.
  package var zeroShareA: Double { Self.share(zerosA, valueCount) }
  /// The share of zeros in b, from 0 to 1.
  package var zeroShareB: Double { Self.share(zerosB, valueCount) }
  /// The share of values that are not equal, from 0 to 1.
  package var changedShare: Double { Self.share(changedCount, valueCount) }

  private static func share(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
  }
}
