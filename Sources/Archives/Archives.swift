import Base
package import Checkpoints
import Zip

/// Archives of model folders: tar, also compressed with gzip, bzip2 or zstd, ZIP, and Python wheels.
///
/// They are recognized by their content.
package enum Archives {
  /// A short description for messages that list the readable formats.
  package static let summary = "archives of model folders (tar, tar.gz, tar.zst, zip, whl)"

  /// Returns true if a file starts like an archive, or like the compressed file that an archive may be.
  package static func isLikely(_ input: InputTree) -> Bool {
    if ZipDirectory.isZip(prefix: input.prefix) || TarCompression(prefix: input.prefix) != nil {
      return true
    }
    guard !input.isFolder, !input.isStream, let file = try? input.openNamedFile(),
      let block = try? file.bytes(at: 0, count: min(file.byteCount, TarHeader.byteCount))
    else { return false }
    return block.count == TarHeader.byteCount && TarHeader.isTar(block.rawSpan)
  }

  /// Returns the folder that an archive contains, as an input; nil if the input is not an archive of a folder.
  ///
  /// A compressed archive is decoded once to list its members.
  /// - Throws: ``FormatError`` if the archive is damaged, or if a member is refused.
  package static func tree(of input: InputTree) throws -> InputTree? {
    guard !input.isFolder else { return nil }
    let file = try input.openNamedFile()
    if ZipDirectory.isZip(prefix: input.prefix),
      isFileOfTensors(try ZipDirectory(file, limit: input.catalogLimit))
    {
      return nil
    }
    guard let content = try anyContent(of: file, prefix: input.prefix, limit: input.catalogLimit)
    else { return nil }
    return InputTree(
      path: input.path, tree: try ArchiveTree(content), limit: input.catalogLimit,
      choice: input.choice)
  }

  /// Returns the content of an archive; nil if the file is not an archive.
  static func anyContent(
    of file: InputFile, prefix: [UInt8], limit: CatalogLimit
  ) throws -> (any ArchiveContent)? {
    if ZipDirectory.isZip(prefix: prefix) {
      return try ZipContent(ZipDirectory(file, limit: limit))
    }
    if let compression = TarCompression(prefix: prefix) {
      guard try TarContent.isTar(file, compression) else { return nil }
      return try TarContent(file, compression, limit: limit)
    }
    guard file.byteCount >= TarHeader.byteCount else { return nil }
    let block = try file.bytes(at: 0, count: TarHeader.byteCount)
    guard TarHeader.isTar(block.rawSpan) else { return nil }
    return try TarContent(file, .none, limit: limit)
  }

  /// Returns true for a PyTorch file and for an npz file, which are ZIP archives too.
  private static func isFileOfTensors(_ directory: ZipDirectory) -> Bool {
    let names = directory.members.map(\.name)
    let isPyTorch = names.contains { name in
      name.hasSuffix("/data.pkl") && RelativePath.components(of: name).count == 2
    }
    return isPyTorch || (!names.isEmpty && names.allSatisfy { $0.hasSuffix(".npy") })
  }
}
