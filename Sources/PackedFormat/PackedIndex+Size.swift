import Base

extension PackedIndex {
  /// The memory for an entry of an index, its segments, and the lazy tensor, in bytes.
  package static let catalogByteCount = 1792

  /// Checks that the catalog of an index fits into the limit, from the number of entries that its CBOR declares.
  static func check(
    _ bytes: borrowing RawSpan, _ limit: CatalogLimit, path: String
  ) throws(UsageError) {
    try limit.check(
      CatalogSize(tensorCount: entryCount(bytes), headerByteCount: bytes.byteCount),
      perTensor: catalogByteCount, path: path)
  }

  /// Returns the number of entries that the CBOR declares, at most its length; 0 if there is no list of entries.
  static func entryCount(_ bytes: borrowing RawSpan) -> Int {
    var reader = CBORReader(bytes)
    guard (try? reader.peekKind()) == .map, (try? reader.enterMap()) != nil else { return 0 }
    while let key = try? reader.nextKey() {
      if key == "tensors" { return min((try? reader.enterArray()) ?? 0, bytes.byteCount) }
      guard (try? reader.skipValue()) != nil else { return 0 }
    }
    return 0
  }
}
