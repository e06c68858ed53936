package import Base

/// The faults of archives of model folders.
package enum ArchiveFault: String, CaseIterable, Sendable {
  case name = "archive.name"
  case duplicate = "archive.duplicate"
  case link = "archive.link"
  case special = "archive.special-file"
  case header = "archive.header"
  case incomplete = "archive.incomplete"
  case trailing = "archive.trailing-bytes"
  case expansion = "archive.expansion"
  case tooMany = "archive.too-many-members"

  package var code: FormatError.Code {
    FormatError.Code(rawValue, meaning: meaning, remedy: remedy)
  }

  /// A sentence that describes the fault, for the catalogue of errors.
  private var meaning: String {
    switch self {
    case .name: "The name of a member is absolute, leads out of the archive, or is not UTF-8."
    case .duplicate: "Two members have the same path, or one is a folder and a file at once."
    case .link: "A link in an archive leads out of it, or to itself."
    case .special: "An archive contains a device, a pipe, or a kind of member that is not known."
    case .header: "The header of a member is malformed, or its checksum is wrong."
    case .incomplete: "A tar archive ends before its end marker."
    case .trailing: "Bytes follow the end marker of a tar archive."
    case .expansion: "An archive expands to far more bytes than its size justifies."
    case .tooMany: "An archive has more than a million members."
    }
  }

  /// A sentence that describes what to do about it.
  private var remedy: String {
    switch self {
    case .name, .duplicate, .link, .special:
      "Do not extract the archive; make it again from the model folder, for example with pack."
    case .header, .incomplete, .trailing:
      "The file is probably a download that was cut short: fetch it again and compare its size."
    case .expansion, .tooMany:
      "Do not extract the archive unless you trust its origin; it may be made to fill a disk."
    }
  }
}

extension FormatError {
  package init(
    _ fault: ArchiveFault, _ reason: String, path: String, byteOffset: Int? = nil,
    hint: Message? = nil
  ) {
    self.init(fault.code, reason, path: path, byteOffset: byteOffset, hint: hint)
  }
}
