import Base

/// The limits that protect against archives that are made to fill memory or disks.
struct ArchiveLimits {
  static let maximumMemberCount = 1_000_000
  static let maximumByteCount = 16 << 40
  /// The number of decoded bytes for one byte of the archive, once more than `freeByteCount` came out.
  static let maximumRatio = 200
  static let freeByteCount = 64 << 20

  let path: String
  /// The length of the archive file.
  let archiveByteCount: Int

  /// Throws if an archive of this length may not contain so many bytes.
  func check(byteCount: Int) throws(FormatError) {
    guard byteCount <= Self.maximumByteCount else {
      throw FormatError(
        .expansion, "contains more than 16 TiB", path: path,
        hint: "no model needs that much; the archive is damaged or hostile")
    }
    let (allowed, overflow) = archiveByteCount.multipliedReportingOverflow(by: Self.maximumRatio)
    guard byteCount > Self.freeByteCount, !overflow, byteCount > allowed else { return }
    throw FormatError(
      .expansion,
      "contains \(ByteSize(byteCount)) or more in \(ByteSize(archiveByteCount)), beyond the "
        + "ratio of \(Self.maximumRatio) that is accepted", path: path,
      hint: "if you trust it, decompress it with another program and name the folder")
  }

  func check(memberCount: Int) throws(FormatError) {
    guard memberCount <= Self.maximumMemberCount else {
      throw FormatError(
        .tooMany, "has more than \(Self.maximumMemberCount.grouped) members", path: path)
    }
  }
}
