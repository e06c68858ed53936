package import Base

/// A reader of a file that consists of token ids, without a header.
package struct RawTokenReader: TokenReader {
  private static let blockByteCount = 1 << 18

  private let file: InputFile
  private let element: TokenElement
  private let idLimit: Int
  private var byteOffset = 0

  /// - Parameter idLimit: The number above all ids of the vocabulary.
  /// - Throws: ``FormatError`` if the size of the file is not a multiple of the size of an id.
  package static func open(
    _ file: InputFile, _ element: TokenElement, idLimit: Int
  ) throws -> RawTokenReader {
    guard file.byteCount % element.byteCount == 0 else {
      throw FormatError(
        .size,
        "has \(file.byteCount) bytes, expected a multiple of \(element.byteCount), the size of \(element)",
        path: file.path)
    }
    return RawTokenReader(file: file, element: element, idLimit: idLimit)
  }

  private init(file: InputFile, element: TokenElement, idLimit: Int) {
    (self.file, self.element, self.idLimit) = (file, element, idLimit)
  }

  /// The number of ids in the file.
  package var count: Int { file.byteCount / element.byteCount }

  package mutating func next(_ maximumCount: Int) throws -> [Int32] {
    let size = element.byteCount
    let left = (file.byteCount - byteOffset) / size
    let count = min(maximumCount, left, Self.blockByteCount / size)
    guard count > 0 else { return [] }
    let bytes = try file.bytes(at: byteOffset, count: count * size)
    let (path, start) = (file.path, byteOffset)
    let ids = try element.integer.ids(in: bytes.rawSpan, below: idLimit) { index, value in
      FormatError(
        .id,
        "id \(value) at position \(start / size + index) is not in the vocabulary, expected 0 to \(idLimit - 1)",
        path: path, byteOffset: start + index * size)
    }
    byteOffset += count * size
    return ids
  }
}
