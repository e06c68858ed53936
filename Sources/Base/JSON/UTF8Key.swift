/// A string that is compared and ordered by its UTF-8 bytes.
///
/// `String` compares by canonical equivalence: it treats `é` as one scalar and as two scalars alike.
package struct UTF8Key: Hashable, Comparable, Sendable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (left: UTF8Key, right: UTF8Key) -> Bool {
    left.text.equalsAsBytes(right.text)
  }

  package static func < (left: UTF8Key, right: UTF8Key) -> Bool {
    left.text.precedesAsBytes(right.text)
  }

  package func hash(into hasher: inout Hasher) {
    // SAFETY: bytes have no padding, and the borrowed bytes are only read.
    let bytes = unsafe text.utf8.span.bytes
    unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    hasher.combine(bytes.byteCount)
  }
}
