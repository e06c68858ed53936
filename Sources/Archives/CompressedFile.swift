package import Base
package import LibArchive

/// A file that is compressed as a whole, such as `part-00.jsonl.gz`.
package enum CompressedFile {
  /// The suffixes of such files, with the dot.
  package static let suffixes = [".gz", ".bz2", ".zst"]

  /// Returns a decoder of a file that starts like a gzip, bzip2 or zstd file; nil for any other file.
  /// - Throws: ``FormatError`` if the first bytes cannot be decoded; ``FileError``.
  package static func decoder(of file: InputFile) throws -> (any ByteDecoder)? {
    let prefix = try file.bytes(at: 0, count: min(16, file.byteCount))
    return switch TarCompression(prefix: prefix) {
    case .gzip: try GzipDecoder(file)
    case .bzip2: try LibArchiveDecoder(.bzip2, in: 0..<file.byteCount, of: file, path: file.path)
    case .zstd: try ZstdDecoder(file)
    case .some(.none), nil: nil
    }
  }
}
