/// The way in which a member is stored.
package enum ZipMethod: Sendable, Equatable {
  case stored
  case deflated
  /// A method by its number in the specification.
  case other(UInt16)

  init(number: UInt16) {
    self =
      switch number {
      case 0: .stored
      case 8: .deflated
      default: .other(number)
      }
  }

  var number: UInt16 {
    switch self {
    case .stored: 0
    case .deflated: 8
    case .other(let number): number
    }
  }
}

/// A member of a ZIP archive, as the central directory describes it.
package struct ZipMember: Sendable, Equatable {
  /// The name; that of a folder ends with a slash.
  package let name: String
  package let method: ZipMethod
  /// The CRC-32 of the decoded bytes.
  package let crc32: UInt32
  /// The number of bytes in the archive.
  package let storedByteCount: Int
  /// The number of decoded bytes.
  package let byteCount: Int
  /// The offset of the local header in the archive.
  package let headerOffset: Int
  package let isFolder: Bool
  /// True if a data descriptor follows the data.
  let hasDescriptor: Bool
  /// The offset of the next member, or of the central directory.
  var endOffset = 0
}
