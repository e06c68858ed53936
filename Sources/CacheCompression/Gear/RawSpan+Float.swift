import Base

extension RawSpan {
  /// Returns the little-endian float32 at a byte offset.
  func float(_ byteOffset: Int) -> Float {
    Float(bitPattern: littleEndian(UInt32.self, at: byteOffset)!)
  }
}
