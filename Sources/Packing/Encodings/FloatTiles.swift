package import Base
import Checkpoints
import Codecs
import TensorCore

/// Chunks of a tensor as finite float32.
struct FloatTiles: Sendable {
  let tensor: LazyTensor

  var grid: ChunkGrid { tensor.info.grid }

  /// What `read` needs beside the values.
  var scratchByteCount: Int {
    let count = grid.largestChunk
    return tensor.info.dtype.byteCount(of: count)!
      + tensor.source.scratchByteCount(elementCount: count)
  }

  /// Fills `values` with the chunk.
  /// - Throws: an error that names the first value that is not finite.
  @_lifetime(values: copy values)
  @_lifetime(scratch: copy scratch)
  func read(
    chunk: Int, into values: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let elements = grid[chunk]
    let info = tensor.info
    try scratch.split(at: info.dtype.byteCount(of: elements.count)!) { stored, rest in
      try tensor.source.read(elements, into: &stored, scratch: &rest)
      try Kernels.best.convert(
        stored.bytes, from: info.dtype, to: .f32, elementCount: elements.count, saturating: false,
        into: &values)
      guard info.dtype == .f64, values.bytes.holdsOnlyZeros(width: 4),
        !stored.bytes.holdsOnlyZeros(width: 8)
      else { return }
      throw FormatError(
        .tooSmall,
        "values \(elements.lowerBound) to \(elements.upperBound - 1) are all too small for float32, "
          + "which lossy types are made from",
        path: tensor.stored.file, tensor: info.name,
        hint: "keep it without loss: \(setting: "tensor-type") '\(info.name.printable)=lossless'")
    }
    guard let place = Kernels.best.firstNotFinite(values.bytes) else { return }
    let bits = values.bytes.littleEndian(UInt32.self, at: 4 * place)!
    let value = Float(bitPattern: bits)
    throw FormatError(
      .notFinite,
      "value \(elements.lowerBound + place) is \(value.isNaN ? "NaN" : "infinite"), "
        + "which a lossy type cannot hold"
        + (info.dtype == .f64 && !value.isNaN ? " (or too large for float32)" : ""),
      path: tensor.stored.file, tensor: info.name,
      hint: "keep it without loss: \(setting: "tensor-type") '\(info.name.printable)=lossless'")
  }
}

extension FormatError.Code {
  package static let notFinite = FormatError.Code("values.not-finite")
  package static let tooSmall = FormatError.Code("values.too-small")
  package static let tooLarge = FormatError.Code("values.too-large")
}

extension RawSpan {
  /// Whether all floats of so many bytes are +0 or -0.
  fileprivate func holdsOnlyZeros(width: Int) -> Bool {
    var start = 0
    while start < byteCount {
      let isZero =
        width == 4
        ? littleEndian(UInt32.self, at: start)! << 1 == 0
        : littleEndian(UInt64.self, at: start)! << 1 == 0
      guard isZero else { return false }
      start += width
    }
    return true
  }
}
