import Base

extension MutableRawSpan {
  /// Copies a range of bits of a mask to bits that are 0.
  ///
  /// The first bit of a byte is its lowest.
  ///
  /// - Parameter bitIndex: The index of the first bit to set.
  @_lifetime(self: copy self)
  mutating func copyBits(_ range: Range<Int>, of bits: borrowing RawSpan, to bitIndex: Int) {
    var (from, to) = (range.lowerBound, bitIndex)
    if from % 8 == 0, to % 8 == 0 {
      let count = range.count / 8
      copy(bits.extracting(from / 8..<from / 8 + count), at: to / 8)
      from += 8 * count
      to += 8 * count
    }
    while from < range.upperBound {
      let bit = bits.littleEndian(UInt8.self, at: from / 8)! >> UInt8(from % 8) & 1
      setBits(bit << UInt8(to % 8), at: to / 8)
      (from, to) = (from + 1, to + 1)
    }
  }

  /// Sets the given bits of a byte, and leaves its other bits unchanged.
  @_lifetime(self: copy self)
  mutating func setBits(_ bits: UInt8, at byteOffset: Int) {
    let byte = bytes.littleEndian(UInt8.self, at: byteOffset)! | bits
    storeBytes(of: byte, toByteOffset: byteOffset, as: UInt8.self)
  }
}
