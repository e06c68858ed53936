package import Base
package import Checkpoints
package import TensorCore

/// The header of a safetensors file, read as strictly as the format's README requires.
///
/// It is stricter than the official reader (0.8.0) in these points: it refuses duplicate keys, a header
/// that does not start with `{`, a list in place of a tensor's object, null in place of the metadata, and
/// shapes outside the limits of `Shape`. Like the official reader, it ignores unknown fields and does not
/// check the bytes of BOOL tensors.
package struct SafetensorsHeader: Sendable {
  /// The limit of the official reader.
  package static let maximumByteCount = 100_000_000
  package static let maximumNameByteCount = 4096

  /// A tensor and its location.
  package struct Entry: Sendable {
    package var info: TensorInfo
    /// The offset from the start of the file.
    package var byteOffset: Int
  }

  /// The tensors in the order of their data.
  package var entries: [Entry]
  /// The strings of `__metadata__` in the order of the file; nil if that key is missing.
  package var metadata: [Checkpoint.Metadatum]?
  /// The length of the JSON text.
  package var byteCount: Int

  package var dataOffset: Int { 8 + byteCount }

  /// Reads the header of a file of `fileByteCount` bytes.
  /// - Parameter bytes: The start of the file, including at least the header.
  package init(_ bytes: borrowing RawSpan, fileByteCount: Int, path: String) throws(FormatError) {
    byteCount = try Self.headerByteCount(bytes, fileByteCount: fileByteCount, path: path)
    let json = bytes.extracting(8..<8 + byteCount)
    guard json.littleEndian(UInt8.self, at: 0) == UInt8(ascii: "{") else {
      throw FormatError(
        .headerStart, "the header must start with '{'", path: path, byteOffset: 8)
    }
    var parser = SafetensorsHeaderParser(path: path, headerOffset: 8)
    do { try parser.parse(json) } catch {
      throw parser.formatError(error)
    }
    metadata = parser.metadata
    entries = try Self.entries(
      of: parser.tensors, dataOffset: 8 + byteCount, fileByteCount: fileByteCount, path: path)
  }

  /// Returns the header length in the first eight bytes, after checking it against the limit and the file.
  package static func headerByteCount(
    _ bytes: borrowing RawSpan, fileByteCount: Int, path: String
  ) throws(FormatError) -> Int {
    guard let length = bytes.littleEndian(UInt64.self, at: 0) else {
      throw FormatError(
        .tooShort, "the file has \(fileByteCount) bytes, too few for the length of a header",
        path: path, byteOffset: fileByteCount,
        hint: "the download may not have finished; fetch the file again")
    }
    guard length <= UInt64(maximumByteCount) else {
      throw FormatError(
        .headerTooLong,
        "the header declares a length of \(length) bytes, the limit is "
          + "\(maximumByteCount)", path: path, byteOffset: 0,
        hint: "the file may be damaged or not a safetensors file")
    }
    guard Int(length) <= fileByteCount - 8 else {
      throw FormatError(
        .headerPastEnd,
        "the header declares a length of \(length) bytes, but the file has only "
          + "\(fileByteCount - 8) bytes after the length field", path: path, byteOffset: 0,
        hint: "the file may be cut short")
    }
    guard length >= 2 else {
      throw FormatError(
        .headerStart, "the header has \(length) bytes, expected at least 2", path: path,
        byteOffset: 0,
        hint: length == 0
          ? "the file may be a download that reserved its space and did not finish; fetch it again"
          : nil)
    }
    return Int(length)
  }

  /// Sorts the tensors by their data, which must cover the file without gaps or overlaps.
  private static func entries(
    of tensors: [SafetensorsHeaderParser.Tensor], dataOffset: Int, fileByteCount: Int, path: String
  ) throws(FormatError) -> [Entry] {
    let dataByteCount = fileByteCount - dataOffset
    var entries: [Entry] = []
    entries.reserveCapacity(tensors.count)
    var end = 0
    for tensor in tensors.sorted(by: { ($0.start, $0.end) < ($1.start, $1.end) }) {
      let name = tensor.info.name
      guard tensor.start == end else {
        let fault: SafetensorsFault = tensor.start > end ? .hole : .overlap
        throw FormatError(
          fault,
          "its data starts at byte \(tensor.start) of the data section, expected byte \(end)",
          path: path, tensor: name, byteOffset: dataOffset + min(tensor.start, dataByteCount))
      }
      guard tensor.end <= dataByteCount else {
        throw FormatError(
          .pastEnd,
          "its data ends at byte \(tensor.end) of the data section, which has \(dataByteCount) "
            + "bytes", path: path, tensor: name, byteOffset: dataOffset + tensor.start,
          hint: "the file may be cut short")
      }
      entries.append(Entry(info: tensor.info, byteOffset: dataOffset + tensor.start))
      end = tensor.end
    }
    guard end == dataByteCount else {
      throw FormatError(
        .uncovered, "\(dataByteCount - end) bytes at the end belong to no tensor", path: path,
        byteOffset: dataOffset + end)
    }
    return entries
  }
}
