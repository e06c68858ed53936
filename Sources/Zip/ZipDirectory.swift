package import Base
import LibArchive

/// The members of a ZIP archive, which are read in place.
///
/// The archive is checked strictly: unique names that stay inside, no encryption, no volumes, and no bytes that belong to
/// nothing, so that every reader of the file finds the same members.
package struct ZipDirectory: Sendable {
  package let file: InputFile
  /// The members in the order of the central directory.
  package let members: [ZipMember]
  /// The compressed members that were opened.
  let streams = DecodedStreams()
  private let indexes: [UTF8Key: Int]

  /// The memory for a member, its name and its place in the index, in bytes.
  private static let memberByteCount = 320

  /// Reads the central directory.
  /// - Throws: ``FormatError``; ``UsageError`` if the directory does not fit into the limit.
  package init(_ file: InputFile, limit: CatalogLimit) throws {
    self.file = file
    let end = try ZipEndRecord(file)
    try limit.check(
      CatalogSize(tensorCount: end.memberCount, headerByteCount: end.directory.count),
      perTensor: Self.memberByteCount, path: file.path)
    var buffer = ByteBuffer(byteCount: end.directory.count)
    var bytes = buffer.mutableBytes
    try file.read(at: end.directory.lowerBound, into: &bytes)
    var parser = ZipDirectoryParser(
      bytes.bytes, start: end.directory.lowerBound, path: file.path)
    members = try parser.members(count: end.memberCount)
    indexes = Dictionary(
      uniqueKeysWithValues: members.enumerated().map { (UTF8Key($1.name), $0) })
  }

  /// Returns the member whose name has the same bytes.
  package subscript(name: String) -> ZipMember? { indexes[UTF8Key(name)].map { members[$0] } }

  /// Returns true if a file starts like a ZIP archive: with a member, or with the end of an empty archive.
  package static func isZip(prefix: [UInt8]) -> Bool {
    let start = prefix.rawSpan.littleEndian(UInt32.self, at: 0)
    return start == ZipSignature.localHeader || start == ZipSignature.endRecord
  }

  /// Returns the path of a member, for messages.
  package func path(of member: ZipMember) -> String { file.path + "/" + member.name }

  func error(
    _ fault: ZipFault, _ member: ZipMember, _ reason: String, at byteOffset: Int? = nil
  ) -> FormatError {
    FormatError(
      fault, "member '\(member.name.printable)' \(reason)", path: file.path,
      byteOffset: byteOffset ?? member.headerOffset)
  }
}
