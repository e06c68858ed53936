package import Base
import TensorCore

/// The first 64 bytes of a `.sumac` file. Specification, section 3.
package struct FileHeader: Equatable, Sendable {
  package static let byteCount = 64
  /// A byte above 127, the name, and line ends of both kinds, so that damage by a text transfer is detected.
  package static let magic: [UInt8] = [
    0x89, 0x53, 0x55, 0x4D, 0x41, 0x43, 0x0D, 0x0A, 0x1A, 0x0A, 0x00,
  ]
  package static let major: UInt8 = 1
  package static let minor: UInt16 = 0

  package var major = Self.major
  package var minor = Self.minor
  /// Reserved; version 1 defines no flags.
  package var flags: UInt16 = 0
  /// One bit for each feature that a reader must support to read the file; version 1 defines none.
  package var requiredFeatures: UInt64 = 0

  package init() {}

  /// Writes the header and its checksum to the first 64 bytes of `target`.
  @_lifetime(target: copy target)
  package func write(into target: inout MutableRawSpan) {
    target.fill()
    for (index, byte) in Self.magic.enumerated() {
      target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
    target.storeBytes(of: major, toByteOffset: 11, as: UInt8.self)
    target.storeLittleEndian(minor, at: 12)
    target.storeLittleEndian(flags, at: 14)
    target.storeLittleEndian(requiredFeatures, at: 16)
    target.storeLittleEndian(Kernels.xxh64(target.bytes.extracting(0..<56)), at: 56)
  }

  /// Reads and checks a header; `bytes` has fewer than 64 bytes only if the file has.
  package init(_ bytes: borrowing RawSpan, path: String) throws(FormatError) {
    for (index, byte) in Self.magic.enumerated() where index < bytes.byteCount {
      guard bytes.littleEndian(UInt8.self, at: index) != byte else { continue }
      if index >= 6 {
        throw FormatError(
          .textDamage, "the signature is damaged, as by a transfer in text mode", path: path,
          byteOffset: index, hint: "copy the file again in binary mode")
      }
      throw FormatError(.notSumac, "is not a .sumac file", path: path, byteOffset: index)
    }
    guard bytes.byteCount >= Self.byteCount,
      let major = bytes.littleEndian(UInt8.self, at: 11),
      let minor = bytes.littleEndian(UInt16.self, at: 12),
      let flags = bytes.littleEndian(UInt16.self, at: 14),
      let features = bytes.littleEndian(UInt64.self, at: 16),
      let checksum = bytes.littleEndian(UInt64.self, at: 56)
    else {
      throw FormatError(
        .truncated, "the file ends inside its header of 64 bytes", path: path,
        byteOffset: bytes.byteCount)
    }
    guard checksum == Kernels.xxh64(bytes.extracting(0..<56)) else {
      throw FormatError(
        .headerChecksum, "the header does not match its checksum", path: path, byteOffset: 56)
    }
    guard major == Self.major else {
      throw FormatError(
        .headerVersion, "has format version \(major), this program reads version \(Self.major)",
        path: path, byteOffset: 11, hint: "use a newer version of sumac")
    }
    guard features == 0 else {
      throw FormatError(
        .headerFeatures, "needs features that this version does not have (bits \(features))",
        path: path, byteOffset: 16, hint: "use a newer version of sumac")
    }
    guard flags == 0, Kernels.isAllZero(bytes.extracting(24..<56)) else {
      throw FormatError(
        .headerFields, "reserved fields of the header are not zero", path: path, byteOffset: 14)
    }
    self.major = major
    self.minor = minor
    self.flags = flags
    requiredFeatures = features
  }
}
