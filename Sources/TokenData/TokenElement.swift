/// The type of the ids in a file without a header, little-endian.
package enum TokenElement: String, CaseIterable, Sendable {
  case u16, u32, i32, i64

  package var byteCount: Int {
    switch self {
    case .u16: 2
    case .u32, .i32: 4
    case .i64: 8
    }
  }
}
