import Checkpoints
package import TensorCore

/// Ranges of a tensor as finite float32.
enum FloatReading {
  /// What is well read at once.
  static let blockElementCount = 1 << 16

  /// - Throws: an error that names the first value that is not finite.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  static func read(
    _ tensor: LazyTensor, _ elements: Range<Int>, into values: inout MutableRawSpan,
    scratch: inout MutableRawSpan
  ) throws {
    let info = tensor.info
    let byteCount = info.dtype.byteCount(of: elements.count) ?? 0
    if info.dtype == .f32 {
      var target = values._mutatingExtracting(0..<byteCount)
      try tensor.source.read(elements, into: &target, scratch: &scratch)
    } else {
      try scratch.split(at: byteCount) { stored, rest in
        try tensor.source.read(elements, into: &stored, scratch: &rest)
        try Kernels.best.convert(
          stored.bytes, from: info.dtype, to: .f32, elementCount: elements.count,
          saturating: false, into: &values)
      }
    }
    let read = values.bytes.extracting(0..<4 * elements.count)
    guard let place = Kernels.best.firstNotFinite(read) else { return }
    let dimensions = info.shape.dimensions
    var (rest, indices) = (elements.lowerBound + place, [Int]())
    for dimension in dimensions.reversed() {
      indices.insert(rest % max(1, dimension), at: 0)
      rest /= max(1, dimension)
    }
    throw FormatError(
      .notFinite,
      "value \(indices) is \(read.float(4 * place).isNaN ? "NaN" : "infinite"), which a packed cache "
        + "cannot hold",
      path: tensor.stored.file, tensor: info.name, hint: "the cache is damaged; make it again")
  }
}

extension FormatError.Code {
  package static let notFinite = FormatError.Code("cache.not-finite")
}

extension RawSpan {
  func float(_ byteOffset: Int) -> Float {
    Float(bitPattern: littleEndian(UInt32.self, at: byteOffset)!)
  }
}
