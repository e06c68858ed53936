/// Arithmetic on CRC-32 values (ISO 3309): polynomials over GF(2) modulo the polynomial of the CRC.
///
/// Bit 31 is the coefficient of x⁰.
enum CRC32 {
  private static let polynomial: UInt32 = 0xEDB8_8320
  private static let one: UInt32 = 1 << 31

  /// x to the powers 2⁰, 2¹, 2², … The power 2³² is that of 2⁰, because the polynomial is primitive.
  private static let powers: [UInt32] = {
    var powers: [UInt32] = [1 << 30]
    while powers.count < 32 {
      let last = powers[powers.count - 1]
      powers.append(product(last, last))
    }
    return powers
  }()

  /// Returns the CRC-32 of two runs of bytes together, from those of each.
  /// - Complexity: O(log `secondByteCount`).
  static func combined(_ first: UInt32, _ second: UInt32, secondByteCount: Int) -> UInt32 {
    var shift = one
    var rest = secondByteCount
    // The shift is x to the number of bits, which is eight times that of the bytes.
    var power = 3
    while rest > 0 {
      if rest & 1 == 1 { shift = product(powers[power % 32], shift) }
      rest >>= 1
      power += 1
    }
    return product(first, shift) ^ second
  }

  private static func product(_ left: UInt32, _ right: UInt32) -> UInt32 {
    var result: UInt32 = 0
    var shifted = right
    var bit = one
    while bit != 0 {
      if left & bit != 0 { result ^= shifted }
      shifted = shifted & 1 == 1 ? shifted >> 1 ^ polynomial : shifted >> 1
      bit >>= 1
    }
    return result
  }
}
