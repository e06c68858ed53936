package import Base
package import TensorCore

/// Converts tensors of F16, BF16, F32 and F64 to one of these dtypes; other tensors stay unchanged.
///
/// Values are rounded once, to nearest even. Infinities and NaN are kept.
package struct Cast: Sendable {
  package var dtype: DType
  /// True if infinities and finite values too large for `dtype` become its largest finite value.
  package var saturating: Bool
  package var selection: Selection
  /// The names of selected tensors that stay as they are.
  package var exempt: Set<UTF8Key>
  /// True if F8 tensors are decoded. Each value of F8 has an equal value in each dtype of a cast.
  package var decodesF8: Bool

  package init(
    to dtype: DType, saturating: Bool = false, selection: Selection = Selection(),
    exempt: Set<UTF8Key> = [], decodesF8: Bool = false
  ) {
    precondition(dtype.isPlainFloat)
    self.dtype = dtype
    self.saturating = saturating
    self.selection = selection
    self.exempt = exempt
    self.decodesF8 = decodesF8
  }

  /// Returns true if the tensor is converted.
  package func applies(to tensor: LazyTensor) -> Bool {
    let from = tensor.info.dtype
    return (from.isPlainFloat || decodesF8 && from.isF8) && from != dtype
      && selection.contains(tensor.name) && !exempt.contains(UTF8Key(tensor.name))
  }

  /// Returns the checkpoint with converted tensors; values are converted when they are read.
  /// - Throws: An error if a converted tensor would exceed the limits of tensors.
  package func applied(to checkpoint: Checkpoint) throws -> Checkpoint {
    var result = checkpoint
    result.tensors = try checkpoint.tensors.map { tensor in
      guard applies(to: tensor) else { return tensor }
      var cast = tensor
      cast.info = try TensorInfo(name: tensor.name, dtype: dtype, shape: tensor.info.shape)
      cast.source = CastSource(tensor, to: cast.info, saturating: saturating)
      return cast
    }
    // An alias whose dtype now differs from that of its tensor is not an alias anymore.
    var dtypes: [UTF8Key: DType] = [:]
    for tensor in result.tensors { dtypes[UTF8Key(tensor.name)] = tensor.info.dtype }
    for (index, tensor) in result.tensors.enumerated() {
      if let target = tensor.aliasOf, dtypes[UTF8Key(target)] != tensor.info.dtype {
        result.tensors[index].aliasOf = nil
      }
    }
    return result
  }
}

/// A source that converts the values of a tensor to another float dtype, and measures the loss.
package struct CastSource: TensorSource {
  private let original: LazyTensor
  private let to: DType
  private let saturating: Bool
  package let loss: LossRecorder?

  /// Creates a source of the values of `original`.
  /// - Parameter info: The converted tensor.
  package init(_ original: LazyTensor, to info: TensorInfo, saturating: Bool) {
    self.original = original
    self.to = info.dtype
    self.saturating = saturating
    let isExact = original.info.dtype.isExact(in: info.dtype) && !saturating
    loss = isExact ? nil : LossRecorder(info)
  }

  package var readingPlace: ReadingPlace? { original.source.readingPlace }
  package var decodedChunks: ChunkGrid? { original.source.decodedChunks }
  package var unrounded: LazyTensor? { loss == nil ? nil : original }

  private var from: DType { original.info.dtype }

  package func scratchByteCount(elementCount: Int) -> Int {
    from.byteCount(of: elementCount)! + original.source.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let byteCount = from.byteCount(of: elements.count)!
    try scratch.split(at: byteCount) { input, rest in
      try original.source.read(elements, into: &input, scratch: &rest)
      try Kernels.best.convert(
        input.bytes, from: from, to: to, elementCount: elements.count, saturating: saturating,
        into: &values)
      guard let loss, let chunk = loss.chunk(toMeasure: elements) else { return }
      var found = ValueLoss()
      Kernels.best.addLoss(
        of: input.bytes, from, in: values.bytes, to, elementCount: elements.count, to: &found)
      loss.record(found, ofChunk: chunk)
    }
  }
}
