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
  let loss: LossRecorder?

  /// - Parameters:
  ///   - initial: The tensor to rewind to; nil to keep the values of the tensor that is read.
  ///   - info: The pruned tensor.
  init(reading: MaskedReading, rule: TensorRule, initial: (any TensorSource)?, info: TensorInfo) {
    self.reading = reading
    self.rule = rule
    self.initial = initial
    dtype = info.dtype
    loss = LossRecorder(info)
  }

  private var builder: MaskBuilder { MaskBuilder(reading: reading, rule: rule) }
  private var source: any TensorSource { initial ?? reading.tensor.source }

  func scratchByteCount(elementCount: Int) -> Int {
    layout(elementCount: elementCount).byteCount
  }

  /// The memory of a read: the values before pruning, and scratch memory.
  private func layout(elementCount: Int) -> WorkspaceLayout {
    WorkspaceLayout(
      elementCount * dtype.bitsPerElement / 8,
      scratch: max(
        source.scratchByteCount(elementCount: elementCount),
        builder.scratchByteCount(elementCount: elementCount)), alignment: 64)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let count = elements.count
    try layout(elementCount: count).withSpans(of: &scratch) { before, rest in
      try source.read(elements, into: &values, scratch: &rest)
      let chunk = loss?.chunk(toMeasure: elements)
      if chunk != nil { before.copy(values.bytes) }
      try clear(elements, in: &values, scratch: &rest)
      guard let loss, let chunk else { return }
      var found = ValueLoss()
      Kernels.best.addLoss(
        of: before.bytes, dtype, in: values.bytes, dtype, elementCount: count, to: &found)
      // These zeros are intended.
      found.zeros = 0
      loss.record(found, ofChunk: chunk)
    }
  }

  /// Sets the weights to 0 that the rule does not keep.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  private func clear(
    _ elements: Range<Int>, in values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
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
