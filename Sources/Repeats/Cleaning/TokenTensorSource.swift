import Base
import Checkpoints
import TensorCore

/// Token ids as the values of a tensor of integers.
struct TokenTensorSource: TensorSource {
  /// Returns the little-endian integers of a range of elements.
  let bytes: @Sendable (Range<Int>) throws -> [UInt8]

  func scratchByteCount(elementCount: Int) -> Int { 0 }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let found = try bytes(elements)
    values.copy(found.rawSpan)
  }
}
