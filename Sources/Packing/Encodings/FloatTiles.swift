package import Base
import Checkpoints
import TensorCore

/// Chunks of a tensor as float32, none of whose values may be NaN or infinite.
struct FloatTiles: Sendable {
  private let reader: FloatReader

  init(tensor: LazyTensor) {
    reader = FloatReader(tensor, .refuse(.nonfiniteOrFlushed, error: Self.error))
  }

  var tensor: LazyTensor { reader.tensor }
  var grid: ChunkGrid { tensor.info.grid }

  /// Bytes that `read` needs beside the values.
  var scratchByteCount: Int { reader.scratchByteCount(elementCount: grid.largestChunk) }

  /// A chunk's values as float32, and what reading them needs.
  func workspace(chunk: Int? = nil) -> WorkspaceLayout {
    reader.workspace(elementCount: chunk.map { grid[$0].count } ?? grid.largestChunk)
  }

  /// Fills `values` with the chunk.
  /// - Throws: an error that names the first value that is not finite.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try reader.read(grid[chunk], into: &values, scratch: &scratch)
  }

  /// Reports the bytes of a chunk that was read.
  func report(_ chunk: Int, to engine: Engine) {
    engine.progress.advance(
      byteCount: tensor.info.dtype.byteCount(of: grid[chunk].count) ?? 0)
  }

  private static func error(_ tensor: LazyTensor, _ problem: FloatReader.Problem) -> FormatError {
    func error(_ code: FormatError.Code, _ reason: String) -> FormatError {
      FormatError(
        code, reason, path: tensor.stored.file, tensor: tensor.name,
        hint: "keep it without loss: \(setting: "tensor-type") '\(tensor.name.printable)=lossless'")
    }
    switch problem {
    case .nan(let element):
      return error(.nonfiniteValue, "value \(element) is NaN, which a lossy type cannot hold")
    case .infinite(let element, let mayBeTooLarge):
      return error(
        .nonfiniteValue,
        "value \(element) is infinite, which a lossy type cannot hold"
          + (mayBeTooLarge ? " (or too large for float32)" : ""))
    case .flushed(let elements):
      return error(
        .valuesTooSmall,
        "values \(elements.lowerBound) to \(elements.upperBound - 1) are all too small for float32, "
          + "which lossy types are made from")
    }
  }
}

extension FormatError.Code {
  /// Values are so small that float32 holds them as 0.
  package static let valuesTooSmall = FormatError.Code(
    "values.too-small",
    meaning: "All values of a part of a tensor are too small for float32.",
    remedy: "Keep the tensor without loss.")
  /// Values are so large that what is made of them is beyond the range of float32.
  package static let valuesTooLarge = FormatError.Code(
    "values.too-large",
    meaning: "Values are too large for the scales or factors of a lossy type.",
    remedy: "Keep the tensor without loss, or choose another type.")
}
