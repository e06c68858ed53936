import Base
import Zip

/// The members of a ZIP archive of a folder.
struct ZipContent: ArchiveContent {
  let file: InputFile
  let members: [ArchiveMember]
  private let directory: ZipDirectory

  init(_ directory: ZipDirectory) throws {
    self.directory = directory
    file = directory.file
    let limits = ArchiveLimits(path: file.path, archiveByteCount: file.byteCount)
    try limits.check(memberCount: directory.members.count)
    var total = 0
    var members: [ArchiveMember] = []
    for (number, member) in directory.members.enumerated() {
      // Each size fits into an Int, and the sum is checked each time.
      let (sum, overflow) = total.addingReportingOverflow(member.byteCount)
      total = overflow ? Int.max : sum
      try limits.check(byteCount: total)
      let path = try ArchivePath.checked(
        member.name, archive: file.path, byteOffset: member.headerOffset)
      members.append(
        ArchiveMember(
          path: path, kind: member.isFolder ? .folder : .file(number),
          byteCount: member.byteCount))
    }
    self.members = members
  }

  func open(_ number: Int) throws -> InputFile {
    let member = directory.members[number]
    // A .sumac file has checksums of its own, and is mapped.
    guard member.method == .stored, !member.name.lowercased().hasSuffix(".sumac") else {
      return try directory.open(member)
    }
    let checksum = try ZipChecksum(member, in: directory)
    return InputFile(CheckedMember(checksum: checksum), from: file, path: checksum.file.path)
  }
}

/// A stored member whose bytes count to its checksum.
private struct CheckedMember: DecodedBytes {
  let checksum: ZipChecksum

  var byteCount: Int { checksum.file.byteCount }

  @_lifetime(destination: copy destination)
  func read(at byteOffset: Int, into destination: inout MutableRawSpan) throws {
    try checksum.read(at: byteOffset, into: &destination)
  }
}
