/// A string that is equal to another only if their bytes are, and ordered as its bytes are.
///
/// `String` compares by canonical equivalence: to it, `é` in one scalar and in two are the same.
package struct UTF8Key: Hashable, Comparable, Sendable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (left: UTF8Key, right: UTF8Key) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  package static func < (left: UTF8Key, right: UTF8Key) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    // SAFETY: bytes have no padding; they are read, while they are lent, and no more.
    let bytes = unsafe text.utf8.span.bytes
    unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    hasher.combine(bytes.byteCount)
  }
}
