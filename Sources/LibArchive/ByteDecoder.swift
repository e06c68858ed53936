/// A decoder that yields decoded bytes from the first to the last.
package protocol ByteDecoder: AnyObject {
  /// Fills the start of `target`, which is not empty, and returns the number of bytes; 0 at the end.
  /// - Throws: ``FormatError`` if the encoded bytes are damaged, ``FileError`` if they cannot be read.
  @_lifetime(target: copy target)
  func read(into target: inout MutableRawSpan) throws -> Int
}
