import Base
import Checkpoints
import TensorCore

/// A source of the mask as a U8 tensor with the value 1 for each kept weight.
struct MaskSource: TensorSource {
  let reading: MaskedReading
  let rule: TensorRule

  func scratchByteCount(elementCount: Int) -> Int {
    MaskBuilder(reading: reading, rule: rule).scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try MaskBuilder(reading: reading, rule: rule).withMask(elements, scratch: &scratch) { mask in
      values.fill(with: 1)
      Kernels.best.clear(unmasked: mask, width: 1, in: &values)
    }
  }
}
