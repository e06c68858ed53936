extension [Float] {
  /// The numbers as consecutive little-endian bytes.
  package var littleEndianBytes: [UInt8] {
    flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
  }
}

extension [UInt8] {
  /// The bytes as little-endian floats.
  package var floats: [Float] {
    stride(from: 0, to: count - count % 4, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(self[start + $1]) << UInt32(8 * $1) })
    }
  }

  /// The bytes as little-endian doubles.
  package var doubles: [Double] {
    stride(from: 0, to: count - count % 8, by: 8).map { start in
      Double(bitPattern: (0..<8).reduce(0) { $0 | UInt64(self[start + $1]) << UInt64(8 * $1) })
    }
  }
}
