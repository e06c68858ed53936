import Base
import Checkpoints
import TensorCore

/// A source of a tensor with 0 for each weight that a rule does not keep.
struct PrunedSource: TensorSource {
  let reading: MaskedReading
  let rule: TensorRule
  /// The source of the kept values if weights are rewound; nil to keep the tensor's own values.
  let initial: (any TensorSource)?
  /// The dtype of the kept values.
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
