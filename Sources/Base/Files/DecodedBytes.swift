/// Bytes that are decoded while they are read, such as a member of a compressed archive.
///
/// Any range of them may be read from any thread. Reading in ascending order is fast; an earlier byte may need a new
/// start.
package protocol DecodedBytes: Sendable {
  var byteCount: Int { get }

  /// Fills `destination` with the bytes from `byteOffset` on. The range is inside the content.
  /// - Throws: ``FormatError`` if the encoded data are damaged, ``FileError`` if they cannot be read.
  @_lifetime(destination: copy destination)
  func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws
}
