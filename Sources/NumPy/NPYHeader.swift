package import Base
package import TensorCore

/// The header of an .npy file.
///
/// Source: NEP 1 and the module `numpy.lib.format` of NumPy 2.4, versions 1.0, 2.0 and 3.0.
///
/// It is stricter than NumPy in these points: it refuses keys that appear twice, bytes after the values, and type
/// strings other than an order, a kind and a size.
package struct NPYHeader: Sendable {
  package static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// The limit on the length of the dictionary. NumPy pads that of an array of numbers to less than 4 KiB.
  package static let maximumByteCount = 1 << 16

  package let element: NPYElement
  /// True if the first index changes fastest.
  package let isFortranOrder: Bool
  package let shape: Shape
  /// The first bytes of the file up to the values.
  package let bytes: [UInt8]

  /// The offset of the first value.
  package var dataOffset: Int { bytes.count }

  /// Reads the header of a file. Memory does not follow from its length fields beyond `maximumByteCount`.
  /// - Throws: ``FormatError`` with the offset of the fault in the file.
  package init(_ file: InputFile) throws {
    let path = file.path
    let start = try file.bytes(at: 0, count: min(12, file.byteCount))
    let (version, text) = try Self.dictionary(start, fileByteCount: file.byteCount, path: path)
    let bytes = try file.bytes(at: 0, count: text.upperBound)
    let parser = NPYHeaderParser(version: version, byteOffset: text.lowerBound, path: path)
    let content = try parser.parse(Array(bytes[text]))
    (element, isFortranOrder, shape) = (content.element, content.isFortranOrder, content.shape)
    self.bytes = bytes
  }

  /// Returns the version of the format and the range of the dictionary.
  private static func dictionary(
    _ start: [UInt8], fileByteCount: Int, path: String
  ) throws(FormatError) -> (version: UInt8, range: Range<Int>) {
    guard start.starts(with: magic) else {
      throw FormatError(
        .magic,
        start.isEmpty
          ? "the file is empty" : "the file does not start with the signature of an .npy file",
        path: path, byteOffset: 0)
    }
    guard start.count >= 8 else { throw cutShort(fileByteCount, path: path) }
    let (version, minor) = (start[6], start[7])
    guard (1...3).contains(version), minor == 0 else {
      throw FormatError(
        .version, "the version is \(version).\(minor), expected 1.0, 2.0 or 3.0", path: path,
        byteOffset: 6)
    }
    let length =
      version == 1
      ? start.rawSpan.littleEndian(UInt16.self, at: 8).map(Int.init)  // fits: at most 32 bits
      : start.rawSpan.littleEndian(UInt32.self, at: 8).map(Int.init)  // fits: at most 32 bits
    guard let length else { throw cutShort(fileByteCount, path: path) }
    let first = version == 1 ? 10 : 12
    guard length <= fileByteCount - first else {
      throw FormatError(
        .headerLength,
        "the header declares a length of \(length) bytes, but the file has only "
          + "\(fileByteCount - first) bytes after the length", path: path, byteOffset: 8,
        hint: "the file may be cut short")
    }
    guard length <= maximumByteCount else {
      throw FormatError(
        .headerLength,
        "the header declares a length of \(length) bytes, the limit is \(maximumByteCount)",
        path: path, byteOffset: 8)
    }
    return (version, first..<first + length)
  }

  private static func cutShort(_ byteCount: Int, path: String) -> FormatError {
    FormatError(
      .headerLength, "the file has \(byteCount) bytes, too few for a header", path: path,
      byteOffset: byteCount, hint: "the file may be cut short")
  }

  /// Returns the bytes of the header that NumPy writes for a tensor whose values are little-endian and in C order;
  /// nil if NumPy has no type for the dtype.
  ///
  /// Its length is a multiple of 64.
  static func written(for info: TensorInfo) -> [UInt8]? {
    guard let descr = NPYElement.descr(of: info.dtype) else { return nil }
    let dimensions = info.shape.dimensions
    let list = dimensions.map(String.init).joined(separator: ", ")
    let shape = dimensions.count == 1 ? "(\(list),)" : "(\(list))"
    let text = Array(
      "{'descr': '\(descr)', 'fortran_order': False, 'shape': \(shape), }".utf8)
    // Version 1.0 allows 65,535 bytes; the largest shape needs less than 2,000.
    let total = (10 + text.count + 1 + 63) / 64 * 64
    let length = total - 10
    let start = magic + [1, 0, UInt8(truncatingIfNeeded: length), UInt8(length >> 8)]
    let padding = [UInt8](repeating: UInt8(ascii: " "), count: length - text.count - 1)
    return start + text + padding + [UInt8(ascii: "\n")]
  }
}
