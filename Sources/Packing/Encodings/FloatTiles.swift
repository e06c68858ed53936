package import Base
import Checkpoints
import TensorCore

/// A reader of the chunks of a tensor as float32, which refuses NaN and infinite values.
struct FloatTiles: Sendable {
  private let reader: FloatReader

  init(tensor: LazyTensor) {
    reader = FloatReader(tensor, .refuse(.nonfiniteOrFlushed, error: Self.error))
  }

  var tensor: LazyTensor { reader.tensor }
  var grid: ChunkGrid { tensor.info.grid }

  /// The scratch memory that `read` needs besides the values, in bytes.
  var scratchByteCount: Int { reader.scratchByteCount(elementCount: grid.largestChunk) }

  /// Returns the layout of the memory for a chunk: its float32 values, and scratch memory to read them.
  /// - Parameter chunk: The chunk; nil for the largest one.
  func workspace(chunk: Int? = nil) -> WorkspaceLayout {
    reader.workspace(elementCount: chunk.map { grid[$0].count } ?? grid.largestChunk)
  }

  /// Fills `values` with the values of a chunk.
  /// - Throws: An error that names the first value that is not finite, or values that are too small for
  ///   float32.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try reader.read(grid[chunk], into: &values, scratch: &scratch)
  }

  /// The tensor that errors are measured against: the values before a cast, or the tensor itself.
  private var original: FloatReader? { tensor.source.unrounded.map { FloatReader($0) } }

  /// The memory that `withOriginal` needs, in bytes.
  var originalByteCount: Int { original?.workspace(elementCount: grid.largestChunk).byteCount ?? 0 }

  /// Passes the values to `body` that errors are measured against. An infinity that a cast made finite counts as the
  /// value that it became.
  /// - Parameter values: The values of the chunk, which are passed unless the tensor was cast.
  @_lifetime(scratch: copy scratch)
  func withOriginal<Result>(
    _ values: borrowing RawSpan, chunk: Int, scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan, inout MutableRawSpan) throws -> Result
  ) throws -> Result {
    guard let original else { return try body(values, &scratch) }
    let elements = grid[chunk]
    return try original.workspace(elementCount: elements.count).withSpans(of: &scratch) {
      floats, rest in
      try original.read(elements, into: &floats, scratch: &rest)
      floats.replaceInfinities(by: values)
      return try body(floats.bytes, &rest)
    }
  }

  /// Reports the bytes of a chunk that was read as progress.
  func report(_ chunk: Int, to engine: Engine) {
    engine.progress.advance(
      byteCount: tensor.info.dtype.byteCount(of: grid[chunk].count) ?? 0)
  }

  private static func error(_ tensor: LazyTensor, _ problem: FloatReader.Problem) -> FormatError {
    func error(_ code: FormatError.Code, _ reason: String) -> FormatError {
      FormatError(
        code, reason, path: tensor.stored.file, tensor: tensor.name,
        hint: "store it losslessly: \(setting: "tensor-type") '\(tensor.name.printable)=lossless'")
    }
    switch problem {
    case .nan(let element):
      return error(.nonfiniteValue, "value \(element) is NaN, which a lossy type cannot store")
    case .infinite(let element, let mayBeTooLarge):
      return error(
        .nonfiniteValue,
        "value \(element) is infinite, which a lossy type cannot store"
          + (mayBeTooLarge ? " (or too large for float32)" : ""))
    case .flushed(let elements):
      return error(
        .valuesTooSmall,
        "values \(elements.lowerBound) to \(elements.upperBound - 1) are all too small for float32, "
          + "which lossy types are computed from")
    }
  }
}

extension MutableRawSpan {
  /// Replaces F32 values that are not finite by those of another span.
  @_lifetime(self: copy self)
  fileprivate mutating func replaceInfinities(by others: borrowing RawSpan) {
    guard let first = Kernels.best.firstNotFinite(bytes) else { return }
    for byteOffset in stride(from: 4 * first, to: byteCount, by: 4) {
      guard let bits = bytes.littleEndian(UInt32.self, at: byteOffset),
        !Float(bitPattern: bits).isFinite,
        let other = others.littleEndian(UInt32.self, at: byteOffset)
      else { continue }
      storeLittleEndian(other, at: byteOffset)
    }
  }
}

extension FormatError.Code {
  /// All values of a part of a tensor are so small that float32 rounds them to 0.
  package static let valuesTooSmall = FormatError.Code(
    "values.too-small",
    meaning: "All values of a part of a tensor are too small for float32.",
    remedy: "Store the tensor losslessly.")
  /// Values are so large that numbers derived from them exceed the range of float32.
  package static let valuesTooLarge = FormatError.Code(
    "values.too-large",
    meaning: "Values are too large for the scales or factors of a lossy type.",
    remedy: "Store the tensor losslessly, or choose another type.")
}
