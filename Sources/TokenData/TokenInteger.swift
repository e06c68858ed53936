package import Base

/// A type of little-endian integers, which hold token ids, labels or places.
package enum TokenInteger: String, CaseIterable, Sendable {
  case u8, u16, u32, u64, i8, i16, i32, i64

  /// Creates the type with the name of a dtype, such as `U16`; nil if its elements are not integers.
  package init?(dtypeName: String) { self.init(rawValue: dtypeName.lowercased()) }

  package var byteCount: Int {
    switch self {
    case .u8, .i8: 1
    case .u16, .i16: 2
    case .u32, .i32: 4
    case .u64, .i64: 8
    }
  }

  /// Returns the ids of all whole integers in `bytes`.
  /// - Parameters:
  ///   - limit: The number above all ids, at most 2^31.
  ///   - fault: Returns the error for the integer with an index that is not an id, from its value as text.
  package func ids(
    in bytes: borrowing RawSpan, below limit: Int, fault: (Int, String) -> FormatError
  ) throws(FormatError) -> [Int32] {
    let count = bytes.byteCount / byteCount
    var ids: [Int32] = []
    ids.reserveCapacity(count)
    for index in 0..<count {
      let value = value(in: bytes, at: index * byteCount)
      guard value >= 0, value < Int128(limit), let id = Int32(exactly: value) else {
        throw fault(index, "\(value)")
      }
      ids.append(id)
    }
    return ids
  }

  /// Returns the integer at a place; 0 if `bytes` ends before it does.
  package func value(in bytes: borrowing RawSpan, at byteOffset: Int) -> Int128 {
    switch self {
    case .u8: Int128(bytes.littleEndian(UInt8.self, at: byteOffset) ?? 0)
    case .u16: Int128(bytes.littleEndian(UInt16.self, at: byteOffset) ?? 0)
    case .u32: Int128(bytes.littleEndian(UInt32.self, at: byteOffset) ?? 0)
    case .u64: Int128(bytes.littleEndian(UInt64.self, at: byteOffset) ?? 0)
    case .i8: Int128(bytes.littleEndian(Int8.self, at: byteOffset) ?? 0)
    case .i16: Int128(bytes.littleEndian(Int16.self, at: byteOffset) ?? 0)
    case .i32: Int128(bytes.littleEndian(Int32.self, at: byteOffset) ?? 0)
    case .i64: Int128(bytes.littleEndian(Int64.self, at: byteOffset) ?? 0)
    }
  }
}
