import Base

/// The election of signs among task vectors by their plain sum.
extension Kernels {
  /// Sets the values of F32 vectors, which are stored one after another, to 0 unless they have the sign of the sum of the
  /// values at their place.
  ///
  /// - Parameter zeroIsNegative: True if negative values are kept where the sum is 0.
  @_lifetime(vectors: copy vectors)
  package static func keepElected(
    _ vectors: inout MutableRawSpan, vectorCount: Int, zeroIsNegative: Bool
  ) {
    guard vectorCount > 0 else { return }
    let size = vectors.byteCount / vectorCount
    var offset = 0
    while offset < size {
      let lanes = min(laneCount, (size - offset) / 4)
      guard lanes > 0 else { return }
      let sum = electedSum(vectors.bytes, offset, size: size, vectorCount, lanes)
      let isNegative = zeroIsNegative ? sum .<= 0 : sum .< 0
      for vector in 0..<vectorCount {
        let place = vector * size + offset
        let value = load(vectors.bytes, place, lanes)
        let differs = (value .< 0) .^ isNegative
        store(value.replacing(with: 0, where: differs), into: &vectors, place, lanes)
      }
      offset += 4 * lanes
    }
  }

  /// Returns the number of places at which the plain sum of the vectors is positive, minus that of the negative ones.
  package static func signBalance(
    _ vectors: borrowing RawSpan, vectorCount: Int, elements: Range<Int>
  ) -> Int {
    guard vectorCount > 0 else { return 0 }
    let size = vectors.byteCount / vectorCount
    var balance = 0
    var offset = 4 * elements.lowerBound
    while offset < 4 * elements.upperBound {
      let lanes = min(laneCount, (4 * elements.upperBound - offset) / 4)
      guard lanes > 0 else { break }
      let sum = electedSum(vectors, offset, size: size, vectorCount, lanes)
      for lane in 0..<lanes where sum[lane] != 0 { balance += sum[lane] > 0 ? 1 : -1 }
      offset += 4 * lanes
    }
    return balance
  }

  private static let laneCount = 8

  /// Returns the sum of the values at some places of all vectors, in the order of the vectors.
  @inline(__always)
  private static func electedSum(
    _ vectors: borrowing RawSpan, _ offset: Int, size: Int, _ vectorCount: Int, _ lanes: Int
  ) -> SIMD8<Float> {
    var sum = SIMD8<Float>(repeating: 0)
    for vector in 0..<vectorCount { sum += load(vectors, vector * size + offset, lanes) }
    return sum
  }

  @inline(__always)
  private static func load(
    _ bytes: borrowing RawSpan, _ byteOffset: Int, _ lanes: Int
  ) -> SIMD8<Float> {
    precondition(byteOffset >= 0 && byteOffset <= bytes.byteCount - 4 * lanes)
    if lanes == laneCount {
      // SAFETY: the precondition keeps the load inside the span, and every bit pattern is a number.
      return unsafe bytes.unsafeLoadUnaligned(
        fromUncheckedByteOffset: byteOffset, as: SIMD8<Float>.self)
    }
    var result = SIMD8<Float>(repeating: 0)
    for lane in 0..<lanes {
      result[lane] = Float(
        bitPattern: bytes.littleEndian(UInt32.self, at: byteOffset + 4 * lane) ?? 0)
    }
    return result
  }

  @inline(__always)
  @_lifetime(bytes: copy bytes)
  private static func store(
    _ values: SIMD8<Float>, into bytes: inout MutableRawSpan, _ byteOffset: Int, _ lanes: Int
  ) {
    guard lanes < laneCount else {
      return bytes.storeBytes(of: values, toByteOffset: byteOffset, as: SIMD8<Float>.self)
    }
    for lane in 0..<lanes {
      bytes.storeLittleEndian(values[lane].bitPattern, at: byteOffset + 4 * lane)
    }
  }
}
