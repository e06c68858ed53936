import Base
package import TensorCore

/// Converts tensors of F16, BF16, F32 and F64 to one of these dtypes; other tensors stay unchanged.
///
/// Values are rounded once, to nearest even. Infinities and NaN are kept.
package struct Cast: Sendable {
  package var dtype: DType
  /// True if infinities and finite values too large for `dtype` become its largest finite value.
  package var saturating: Bool
  package var selection: Selection

  package init(to dtype: DType, saturating: Bool = false, selection: Selection = Selection()) {
    precondition(dtype.isPlainFloat)
    self.dtype = dtype
    self.saturating = saturating
    self.selection = selection
  }

  /// Returns the checkpoint with converted tensors; values are converted when they are read.
  /// - Throws: An error if a converted tensor would exceed the limits of tensors.
  package func applied(to checkpoint: Checkpoint) throws -> Checkpoint {
    var result = checkpoint
    result.tensors = try checkpoint.tensors.map { tensor in
      guard tensor.info.dtype.isPlainFloat, tensor.info.dtype != dtype,
        selection.contains(tensor.name)
      else { return tensor }
      var cast = tensor
      cast.info = try TensorInfo(name: tensor.name, dtype: dtype, shape: tensor.info.shape)
      cast.source = CastSource(
        base: tensor.source, from: tensor.info.dtype, to: dtype, saturating: saturating)
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

/// A source that converts the values of another source.
package struct CastSource: TensorSource {
  let base: any TensorSource
  let from: DType
  let to: DType
  let saturating: Bool

  package init(base: any TensorSource, from: DType, to: DType, saturating: Bool) {
    self.base = base
    self.from = from
    self.to = to
    self.saturating = saturating
  }

  package func scratchByteCount(elementCount: Int) -> Int {
    from.byteCount(of: elementCount)! + base.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let byteCount = from.byteCount(of: elements.count)!
    try scratch.split(at: byteCount) { input, rest in
      try base.read(elements, into: &input, scratch: &rest)
      try Kernels.best.convert(
        input.bytes, from: from, to: to, elementCount: elements.count, saturating: saturating,
        into: &values)
    }
  }
}
