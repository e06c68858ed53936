import Base

/// Access to single bits of a mask.
extension RawSpan {
  package func bit(_ index: Int) -> Bool {
    littleEndian(UInt8.self, at: index / 8)! >> UInt8(index % 8) & 1 == 1
  }
}

extension MutableRawSpan {
  @_lifetime(self: copy self)
  package mutating func setBit(_ index: Int) {
    let byte = bytes.littleEndian(UInt8.self, at: index / 8)!
    storeBytes(of: byte | 1 << UInt8(index % 8), toByteOffset: index / 8, as: UInt8.self)
  }
}
