/// The type of the ids in a file without a header, little-endian.
package enum TokenElement: String, CaseIterable, Sendable {
  case u16, u32, i32, i64

  package var integer: TokenInteger {
    switch self {
    case .u16: .u16
    case .u32: .u32
    case .i32: .i32
    case .i64: .i64
    }
  }

  package var byteCount: Int { integer.byteCount }
}
