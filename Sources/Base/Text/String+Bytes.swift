extension String {
  /// Returns true if this name comes before `other` in byte order.
  package func precedesAsBytes(_ other: String) -> Bool {
    utf8.lexicographicallyPrecedes(other.utf8)
  }

  /// Returns true if both strings have the same UTF-8 bytes.
  package func equalsAsBytes(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
