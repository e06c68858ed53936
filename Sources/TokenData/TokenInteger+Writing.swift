extension TokenInteger {
  /// The number above all ids that the type can hold.
  package var idLimit: Int {
    switch self {
    case .u8: 1 << 8
    case .i8: 1 << 7
    case .u16: 1 << 16
    case .i16: 1 << 15
    case .u32, .i32, .u64, .i64: 1 << 31
    }
  }

  /// Appends ids, which are below ``idLimit``, as little-endian integers.
  package func append(_ ids: some Sequence<Int32>, to bytes: inout [UInt8]) {
    for id in ids {
      for place in 0..<byteCount {
        bytes.append(UInt8(truncatingIfNeeded: Int64(id) >> (8 * Int64(place))))
      }
    }
  }
}
