import Base
import Zip

/// The bytes of a storage in a file.
struct TorchStorageBytes: Sendable {
  /// The member of an archive, or the whole file.
  let file: InputFile
  /// The offset of the storage in `file`.
  let byteOffset: Int
  let byteCount: Int
  /// The offset of the storage in the file on disk, for reports.
  let reportedOffset: Int
  /// The checksum of the member; nil if there is none.
  let checksum: ZipChecksum?
  let isBigEndian: Bool
}
