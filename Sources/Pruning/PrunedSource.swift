import Base
import Checkpoints
import TensorCore

/// Reads a tensor with 0 in the place of what a rule does not keep.
struct PrunedSource: TensorSource {
  let reading: MaskedReading
  let rule: TensorRule
  /// Whose values are kept where weights are rewound; nil to keep the tensor's own.
  let initial: (any TensorSource)?
  /// Of the values that are kept.
  let dtype: DType

  private var builder: MaskBuilder { MaskBuilder(reading: reading, rule: rule) }
  private var source: any TensorSource { initial ?? reading.tensor.source }

  func scratchByteCount(elementCount: Int) -> Int {
    max(
      source.scratchByteCount(elementCount: elementCount),
      builder.scratchByteCount(elementCount: elementCount))
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try source.read(elements, into: &values, scratch: &scratch)
    let width = dtype.bitsPerElement / 8
    if initial == nil, builder.needsOnly(elements) {
      try builder.withMask(elements, of: &values, scratch: &scratch) { mask, values in
        Kernels.best.clear(unmasked: mask, width: width, in: &values)
      }
    } else {
      try builder.withMask(elements, scratch: &scratch) { mask in
        Kernels.best.clear(unmasked: mask, width: width, in: &values)
      }
    }
  }
}
