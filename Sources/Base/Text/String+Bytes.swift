import Glibc

extension String {
  /// Returns true if this name comes before `other` in byte order.
  package func precedesAsBytes(_ other: String) -> Bool { compareAsBytes(other) < 0 }

  /// Returns true if both strings have the same UTF-8 bytes.
  package func equalsAsBytes(_ other: String) -> Bool {
    utf8.count == other.utf8.count && compareAsBytes(other) == 0
  }

  /// Returns a negative number, 0 or a positive number if the bytes of this string come before those of `other`, equal
  /// them, or come after them.
  private func compareAsBytes(_ other: String) -> Int {
    let left = unsafe utf8.span.bytes
    let right = unsafe other.utf8.span.bytes
    let shared = min(left.byteCount, right.byteCount)
    guard shared > 0 else { return left.byteCount - right.byteCount }
    // SAFETY: bytes have no padding; both strings are borrowed for the call and have at least `shared` bytes.
    let order = unsafe left.withUnsafeBytes { left in
      unsafe right.withUnsafeBytes { right in
        unsafe memcmp(left.baseAddress!, right.baseAddress!, shared)
      }
    }
    return order == 0 ? left.byteCount - right.byteCount : Int(order)
  }
}
