package import Base

extension SafetensorsHeader {
  /// Returns the size of the catalog that a header declares, from the braces and commas of its text.
  ///
  /// The text need not be valid. The metadata count as a tensor.
  /// - Complexity: O(*n*) for a text of *n* bytes; allocates nothing.
  package static func catalogSize(_ json: borrowing RawSpan) -> CatalogSize {
    let text = Span<UInt8>(_bytes: copy json)
    var (depth, entryCount, commaCount) = (0, 0, 0)
    var (isString, isEscaped) = (false, false)
    for offset in text.indices {
      let byte = text[offset]
      if isString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        if depth == 2 { entryCount += 1 }
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: ",") where depth > 2: commaCount += 1
      default: break
      }
    }
    return CatalogSize(
      tensorCount: entryCount, listElementCount: max(0, commaCount - 2 * entryCount),
      headerByteCount: json.byteCount)
  }
}
