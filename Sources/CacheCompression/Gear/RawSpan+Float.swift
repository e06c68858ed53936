import Base

extension RawSpan {
  func float(_ byteOffset: Int) -> Float {
    Float(bitPattern: littleEndian(UInt32.self, at: byteOffset)!)
  }
}
