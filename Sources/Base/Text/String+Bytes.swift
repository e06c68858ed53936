extension String {
  /// Whether this name comes before `other` in byte order.
  package func precedesAsBytes(_ other: String) -> Bool {
    utf8.lexicographicallyPrecedes(other.utf8)
  }

  /// Whether both have the same UTF-8.
  package func equalsAsBytes(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
