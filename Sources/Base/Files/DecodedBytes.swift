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

  /// Returns the place of a byte in the order in which reading is fast; nil if the order does not matter.
  func readingPlace(at byteOffset: Int) -> ReadingPlace?
}

extension DecodedBytes {
  package func readingPlace(at byteOffset: Int) -> ReadingPlace? { nil }
}

/// A place in an archive whose bytes are fast to read in ascending order only.
package struct ReadingPlace: Sendable, Comparable {
  package let archive: ObjectIdentifier
  /// The order of the compressed stream in the archive.
  package let stream: Int
  package let byteOffset: Int

  package init(archive: ObjectIdentifier, stream: Int, byteOffset: Int) {
    self.archive = archive
    self.stream = stream
    self.byteOffset = byteOffset
  }

  package static func < (left: ReadingPlace, right: ReadingPlace) -> Bool {
    (left.archive, left.stream, left.byteOffset) < (right.archive, right.stream, right.byteOffset)
  }
}
