package import Base
package import Checkpoints
import TensorCore

/// A tensor whose values are checked when they are read: none may be NaN or infinite.
package struct FiniteSource: TensorSource {
  private let base: LazyTensor

  /// Returns the same tensor, except that reading it throws an error that names the first value that is not
  /// finite.
  package static func tensor(_ base: LazyTensor) -> LazyTensor {
    guard isChecked(base.info.dtype) else { return base }
    return LazyTensor(info: base.info, source: FiniteSource(base: base), stored: base.stored)
  }

  static func isChecked(_ dtype: DType) -> Bool { dtype == .f16 || dtype == .bf16 || dtype == .f32 }

  package func scratchByteCount(elementCount: Int) -> Int {
    base.source.scratchByteCount(elementCount: elementCount)
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  package func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try base.source.read(elements, into: &values, scratch: &scratch)
    let dtype = base.info.dtype
    let read = values.bytes.extracting(0..<(dtype.byteCount(of: elements.count) ?? 0))
    guard let index = Kernels.best.firstNotFinite(read, dtype: dtype) else { return }
    throw FormatError(
      .nonfiniteCache,
      "value \(base.info.indices(of: elements.lowerBound + index)) is NaN or infinite, which can be "
        + "neither packed nor compared", path: base.stored.file, tensor: base.name,
      hint: "the cache is damaged; make it again")
  }
}

/// A cast tensor whose values are checked when they are read: all must be in the range of the dtype.
struct RangeSource: TensorSource {
  private let original: LazyTensor
  private let cast: LazyTensor

  /// Returns the cast tensor; reading it throws an error that names the first finite value that became infinite.
  static func tensor(_ cast: LazyTensor, of original: LazyTensor) -> LazyTensor {
    guard FiniteSource.isChecked(cast.info.dtype) else { return cast }
    return LazyTensor(
      info: cast.info, source: RangeSource(original: original, cast: cast), stored: cast.stored)
  }

  func scratchByteCount(elementCount: Int) -> Int {
    max(
      cast.source.scratchByteCount(elementCount: elementCount),
      original.source.scratchByteCount(elementCount: 1))
  }

  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try cast.source.read(elements, into: &values, scratch: &scratch)
    let dtype = cast.info.dtype
    let width = dtype.bitsPerElement / 8
    var start = 0
    while start < elements.count {
      let rest = values.bytes.extracting(width * start..<width * elements.count)
      guard let index = Kernels.best.firstNotFinite(rest, dtype: dtype) else { return }
      let element = elements.lowerBound + start + index
      if try isFinite(element, scratch: &scratch) {
        throw FormatError(
          .cacheShape,
          "value \(cast.info.indices(of: element)) is beyond the range of \(dtype.name)",
          path: original.stored.file, tensor: original.name, hint: "choose another dtype")
      }
      start += index + 1
    }
  }

  @_lifetime(scratch: copy scratch)
  private func isFinite(_ element: Int, scratch: inout MutableRawSpan) throws -> Bool {
    let dtype = original.info.dtype
    var buffer = ByteBuffer(byteCount: max(1, dtype.bitsPerElement / 8))
    var span = buffer.mutableBytes
    try original.source.read(element..<element + 1, into: &span, scratch: &scratch)
    guard dtype != .f64 else {
      return Double(bitPattern: span.bytes.littleEndian(UInt64.self, at: 0)!).isFinite
    }
    guard FiniteSource.isChecked(dtype) else { return false }
    return Kernels.best.firstNotFinite(span.bytes, dtype: dtype) == nil
  }
}

extension TensorInfo {
  /// Returns the index of an element in each dimension.
  func indices(of element: Int) -> [Int] {
    var (rest, indices) = (element, [Int]())
    for dimension in shape.dimensions.reversed() {
      indices.insert(rest % max(1, dimension), at: 0)
      rest /= max(1, dimension)
    }
    return indices
  }
}

extension FormatError.Code {
  /// A cache has a value that is NaN or infinite.
  package static let nonfiniteCache = FormatError.Code(
    "cache.not-finite",
    meaning: "A key or value of a cache is NaN or infinite.",
    remedy: "The cache is damaged: make it again.")
}
