import Base

/// The members of a tar archive, found in one pass.
struct TarListing {
  struct File: Sendable {
    /// The place of the content in the tar archive.
    let bytes: Range<Int>
    let edges: MemberEdges
  }

  private(set) var members: [ArchiveMember] = []
  private(set) var files: [File] = []
  /// The length of the tar archive.
  private(set) var byteCount = 0
  private let bytes: any TarBytes
  private let limits: ArchiveLimits
  private let catalogLimit: CatalogLimit
  private var pending = Pending()

  /// The names and sizes that the records before a header give to its member.
  private struct Pending {
    var name: String?
    var target: String?
    var byteCount: Int?
  }

  /// The longest name and the longest list of records.
  private static let maximumRecordByteCount = 1 << 20
  /// The memory for a member, in bytes.
  private static let memberByteCount = 512

  init(_ bytes: any TarBytes, limits: ArchiveLimits, catalogLimit: CatalogLimit) throws {
    self.bytes = bytes
    self.limits = limits
    self.catalogLimit = catalogLimit
    while try next() {}
    try checkEnd()
    byteCount = bytes.position
  }

  private func error(_ fault: ArchiveFault, _ reason: String, at byteOffset: Int) -> FormatError {
    FormatError(fault, reason, path: limits.path, byteOffset: byteOffset)
  }

  private func incomplete() -> FormatError {
    error(.incomplete, "ends before the end marker of a tar archive", at: bytes.position)
  }

  /// Reads a member; returns false at the end marker.
  private mutating func next() throws -> Bool {
    let start = bytes.position
    guard let block = try bytes.read(TarHeader.byteCount) else { throw incomplete() }
    guard !block.allSatisfy({ $0 == 0 }) else { return false }
    let header = try header(block, at: start)
    switch header.kind {
    case .extended, .global, .longName, .longTarget:
      try readRecords(header, at: start)
    case .file, .folder, .symbolicLink, .hardLink:
      try addMember(header, at: start)
      pending = Pending()
    }
    return true
  }

  private func header(_ block: [UInt8], at start: Int) throws(FormatError) -> TarHeader {
    do throws(TarHeader.Problem) { return try TarHeader(block.rawSpan) } catch {
      switch error {
      case .notTar: throw self.error(.header, "is not the header of a member", at: start)
      case .checksum:
        throw self.error(.header, "the checksum of the header of a member is wrong", at: start)
      case .size: throw self.error(.header, "the size of a member is malformed", at: start)
      case .kind(let kind):
        throw self.error(
          .special,
          "a member is a device, a pipe or of an unknown kind (\(kind)), not a file or folder",
          at: start)
      }
    }
  }

  private mutating func readRecords(_ header: TarHeader, at start: Int) throws {
    guard header.byteCount <= Self.maximumRecordByteCount else {
      throw error(
        .header, "the records of a member have \(header.byteCount.grouped) bytes", at: start)
    }
    guard let content = try bytes.read(header.byteCount), try skipPadding(header.byteCount) else {
      throw incomplete()
    }
    switch header.kind {
    case .longName, .longTarget:
      guard let text = String(validating: content.prefix { $0 != 0 }, as: UTF8.self) else {
        throw error(.name, "the name of a member is not UTF-8", at: start)
      }
      if header.kind == .longName { pending.name = text } else { pending.target = text }
    default:
      guard let records = PaxRecords(content) else {
        throw error(.header, "the records of a member are malformed", at: start)
      }
      guard !records.isUnsupported else {
        throw error(
          .special, "a member is stored with holes or in a private way", at: start)
      }
      if header.kind == .global {
        guard records.path == nil, records.target == nil, records.byteCount == nil else {
          throw error(.header, "a name or size is given to all members", at: start)
        }
      } else {
        pending.name = records.path ?? pending.name
        pending.target = records.target ?? pending.target
        pending.byteCount = records.byteCount ?? pending.byteCount
      }
    }
  }

  private func skipPadding(_ count: Int) throws -> Bool {
    let padding = -count & (TarHeader.byteCount - 1)
    return try bytes.read(padding) != nil
  }

  private mutating func addMember(_ header: TarHeader, at start: Int) throws {
    guard let name = pending.name ?? header.name else {
      throw error(.name, "the name of a member is not UTF-8", at: start)
    }
    let path = try ArchivePath.checked(name, archive: limits.path, byteOffset: start)
    let size = pending.byteCount ?? header.byteCount
    let (end, overflow) = bytes.position.addingReportingOverflow(size)
    guard !overflow else { throw incomplete() }
    var kind = ArchiveMember.Kind.folder
    switch header.kind {
    case .file:
      let content = bytes.position..<end
      guard let edges = try bytes.skip(size), try skipPadding(size) else { throw incomplete() }
      try limits.check(byteCount: bytes.position)
      kind = .file(files.count)
      files.append(File(bytes: content, edges: edges))
    case .symbolicLink, .hardLink:
      kind = .link(to: try target(header, of: path, at: start))
      guard size == 0 else { throw error(.header, "a link has content", at: start) }
    default:
      guard size == 0 else { throw error(.header, "a folder has content", at: start) }
    }
    guard !path.isEmpty else {
      guard case .folder = kind else {
        throw error(.name, "a member that is not a folder has no name", at: start)
      }
      return
    }
    members.append(ArchiveMember(path: path, kind: kind, byteCount: size))
    try checkCount()
  }

  private func target(
    _ header: TarHeader, of path: String, at start: Int
  ) throws(FormatError) -> String {
    guard let target = pending.target ?? header.target else {
      throw error(.name, "the target of link '\(path.printable)' is not UTF-8", at: start)
    }
    guard header.kind == .hardLink else {
      return try ArchivePath.target(
        target, ofLink: path, archive: limits.path, byteOffset: start)
    }
    // The target of a hard link is the path of a member.
    return try ArchivePath.target(
      target, ofLink: "", archive: limits.path, byteOffset: start)
  }

  private func checkCount() throws {
    try limits.check(memberCount: members.count)
    let step = 4096
    guard members.count % step == 0 else { return }
    try catalogLimit.check(
      CatalogSize(tensorCount: step, headerByteCount: 0), perTensor: Self.memberByteCount,
      path: limits.path)
  }

  /// Throws unless the end marker is followed by zeros only.
  private func checkEnd() throws {
    guard let second = try bytes.read(TarHeader.byteCount) else { throw incomplete() }
    var block: [UInt8]? = second
    while let current = block {
      guard current.allSatisfy({ $0 == 0 }) else {
        throw error(
          .trailing, "has bytes after the end marker of the tar archive",
          at: bytes.position - current.count)
      }
      block = try bytes.read(TarHeader.byteCount)
    }
  }
}
