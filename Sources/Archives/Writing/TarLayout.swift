import Base

/// The layout of a tar archive: each file after its header, padded to blocks of 512 bytes, and an end marker.
///
/// Times and owners are 0 and modes 0644, so equal files give equal bytes. Extended headers are used only for names and
/// sizes that the ustar header cannot express.
struct TarLayout: Sendable {
  private struct Entry: Sendable {
    let path: String
    let file: InputFile
    let headerOffset: Int
    let dataOffset: Int

    var end: Int { dataOffset + TarLayout.padded(file.byteCount) }
  }

  private let entries: [Entry]
  /// The length of the archive, a multiple of 10,240 bytes like that of other writers.
  let byteCount: Int

  private static let recordByteCount = 20 * TarHeader.byteCount

  /// - Throws: ``FormatError`` if the archive would be too large.
  init(_ files: [FolderFiles.File], path: String) throws(FormatError) {
    var entries: [Entry] = []
    var end = 0
    for file in files {
      guard file.file.byteCount < 1 << 60 - end else {
        throw FormatError(.expansion, "the archive would be too large", path: path)
      }
      let start = end + TarHeaderWriter(file.path, byteCount: file.file.byteCount).bytes.count
      let entry = Entry(
        path: file.path, file: file.file, headerOffset: end, dataOffset: start)
      entries.append(entry)
      end = entry.end
    }
    self.entries = entries
    let marked = end + 2 * TarHeader.byteCount
    byteCount =
      (marked + Self.recordByteCount - 1) / Self.recordByteCount * Self.recordByteCount
  }

  static func padded(_ count: Int) -> Int {
    (count + TarHeader.byteCount - 1) / TarHeader.byteCount * TarHeader.byteCount
  }

  /// The contents and their offsets.
  var contents: [(file: InputFile, byteOffset: Int)] { entries.map { ($0.file, $0.dataOffset) } }

  /// Writes all headers; the rest besides the contents is zero.
  func writeHeaders(to file: OutputFile) throws(FileError) {
    for entry in entries {
      let header = TarHeaderWriter(entry.path, byteCount: entry.file.byteCount).bytes
      try file.write(header.rawSpan, at: entry.headerOffset)
    }
  }

  /// Fills `target` with the bytes of the archive from `byteOffset` on.
  func read(at byteOffset: Int, into target: inout MutableRawSpan) throws {
    target.fill()
    let wanted = byteOffset..<byteOffset + target.byteCount
    var index = firstIndex(endingAfter: byteOffset)
    while index < entries.count, entries[index].headerOffset < wanted.upperBound {
      let entry = entries[index]
      let header = (entry.headerOffset..<entry.dataOffset).clamped(to: wanted)
      if !header.isEmpty {
        let bytes = TarHeaderWriter(entry.path, byteCount: entry.file.byteCount).bytes
        target.copy(
          bytes.rawSpan.extracting(
            header.lowerBound - entry.headerOffset..<header.upperBound - entry.headerOffset),
          at: header.lowerBound - byteOffset)
      }
      let data = (entry.dataOffset..<entry.dataOffset + entry.file.byteCount).clamped(to: wanted)
      if !data.isEmpty {
        var part = target._mutatingExtracting(
          data.lowerBound - byteOffset..<data.upperBound - byteOffset)
        try entry.file.read(at: data.lowerBound - entry.dataOffset, into: &part)
      }
      index += 1
    }
  }

  private func firstIndex(endingAfter byteOffset: Int) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].end > byteOffset { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
