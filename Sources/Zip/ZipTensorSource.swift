import Base
import Checkpoints
package import TensorCore

/// Values that are stored in a member of a ZIP archive in canonical form.
///
/// All of them pass through the checksum of the member, so that no file range can be copied instead.
package struct ZipTensorSource: TensorSource {
  package let info: TensorInfo
  /// The offset of the values in the member.
  package let byteOffset: Int
  package let checksum: ZipChecksum
  private let coversMember: Bool

  /// - Parameter coversMember: True if the tensors of the member that are read as a whole contain all of its bytes.
  ///   Otherwise the member is verified before the first read.
  package init(
    info: TensorInfo, byteOffset: Int, checksum: ZipChecksum, coversMember: Bool = true
  ) {
    self.info = info
    self.byteOffset = byteOffset
    self.checksum = checksum
    self.coversMember = coversMember
  }

  package func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    if !coversMember { try checksum.verify() }
    let bytes = info.bytes(of: elements)
    precondition(bytes.count == values.byteCount)
    try checksum.read(at: byteOffset + bytes.lowerBound, into: &values)
  }
}
