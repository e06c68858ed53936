package import Base

/// The layout of a ZIP archive of stored members, known before their values.
///
/// The data of each member start at a multiple of 64 bytes, by an extra field of padding as PyTorch writes it. ZIP64 is
/// used where it is needed. All times are 1980-01-01, so equal members give equal bytes.
package struct ZipLayout: Sendable {
  package struct Entry: Sendable {
    package let name: String
    package let byteCount: Int

    package init(name: String, byteCount: Int) {
      self.name = name
      self.byteCount = byteCount
    }
  }

  package static let alignment = 64
  package let entries: [Entry]
  /// The offset of the data of each member.
  package let dataOffsets: [Int]
  let headerOffsets: [Int]
  let directoryOffset: Int
  /// The length of the archive.
  package let byteCount: Int

  /// - Throws: ``FormatError`` if a name is not a relative path, is used twice or is longer than the format allows, or if
  ///   the archive would be too large.
  package init(_ entries: [Entry], path: String) throws(FormatError) {
    self.entries = entries
    var names: Set<UTF8Key> = []
    var offsets: (headers: [Int], data: [Int]) = ([], [])
    var end = 0
    for entry in entries {
      guard RelativePath.isSafe(entry.name), !entry.name.utf8.contains(UInt8(ascii: "\\")) else {
        throw FormatError(
          .name, "'\(entry.name.printable)' cannot be the name of a member of a ZIP archive",
          path: path)
      }
      guard names.insert(UTF8Key(entry.name)).inserted else {
        throw FormatError(
          .duplicate, "two members would have the name '\(entry.name.printable)'", path: path)
      }
      offsets.headers.append(end)
      let start = ZipLayoutHeaders.dataOffset(of: entry, headerOffset: end)
      offsets.data.append(start)
      let (sum, overflow) = start.addingReportingOverflow(entry.byteCount)
      guard entry.byteCount >= 0, !overflow, sum < 1 << 60 else {
        throw FormatError(.memberSize, "the ZIP archive would be too large", path: path)
      }
      end = sum
    }
    (headerOffsets, dataOffsets, directoryOffset) = (offsets.headers, offsets.data, end)
    byteCount =
      end
      + ZipLayoutHeaders.directoryByteCount(
        entries, headerOffsets: headerOffsets, directoryOffset: end)
  }

  /// The memory for the layout and the central directory when it is written, in bytes.
  package var fixedByteCount: Int {
    2 * (byteCount - directoryOffset) + 256 * entries.count
  }

  /// Writes all headers and the central directory, after the data.
  /// - Parameter checksums: The CRC-32 of each member.
  package func write(_ checksums: [UInt32], to file: OutputFile) throws(FileError) {
    precondition(checksums.count == entries.count)
    let headers = ZipLayoutHeaders(layout: self, checksums: checksums)
    for index in entries.indices {
      try file.write(headers.localHeader(index).rawSpan, at: headerOffsets[index])
    }
    try file.write(headers.directory().rawSpan, at: directoryOffset)
  }
}
