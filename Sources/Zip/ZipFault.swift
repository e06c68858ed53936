package import Base

/// The faults of a ZIP archive.
package enum ZipFault: String, CaseIterable, Sendable {
  case endRecord = "zip.end-record"
  case severalDisks = "zip.several-disks"
  case directory = "zip.directory"
  case name = "zip.name"
  case duplicate = "zip.duplicate"
  case encrypted = "zip.encrypted"
  case overlap = "zip.overlap"
  case gap = "zip.gap"
  case localHeader = "zip.local-header"
  case method = "zip.method"
  case memberSize = "zip.member-size"
  case checksum = "zip.checksum"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }

  /// A sentence that describes the fault, for the catalogue of errors.
  private var meaning: String {
    switch self {
    case .endRecord: "The file does not end with one end record of a ZIP archive."
    case .severalDisks: "The archive is one of several volumes."
    case .directory: "The central directory is malformed or disagrees with the end record."
    case .name: "The name of a member is not a relative path inside the archive, or is not UTF-8."
    case .duplicate: "Two members have the same name."
    case .encrypted: "A member or the central directory is encrypted."
    case .overlap: "Two members, or a member and the central directory, share bytes."
    case .gap: "Bytes before, between or after the members belong to none."
    case .localHeader: "The header of a member disagrees with the central directory."
    case .method: "A member is compressed with a method that is not supported."
    case .memberSize: "The size of a member is impossible, or larger than its use allows."
    case .checksum: "The bytes of a member do not have the CRC-32 that the archive states."
    }
  }

  /// A sentence that describes what to do about it.
  private var remedy: String {
    switch self {
    case .endRecord:
      "The file is probably a download that was cut short: fetch it again and compare its size."
    case .severalDisks: "Join the volumes with the program that made them."
    case .encrypted: "Decrypt the archive with the program that made it."
    case .name, .duplicate: "Do not extract the archive; make it again with safe, unique names."
    case .method: "Make the archive again with stored or deflated members."
    case .directory, .overlap, .gap, .localHeader, .memberSize, .checksum:
      "The file is damaged or was made by a faulty writer: fetch it or write it again."
    }
  }
}

extension FormatError {
  package init(
    _ fault: ZipFault, _ reason: String, path: String, byteOffset: Int? = nil,
    hint: Message? = nil
  ) {
    self.init(fault.code, reason, path: path, byteOffset: byteOffset, hint: hint)
  }
}
