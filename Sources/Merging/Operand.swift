package import Base
import Checkpoints
import TensorCore

/// A model's tensor as a merge reads it: rounded to the dtype of the merge, in float32.
struct Operand: Sendable {
  var tensor: LazyTensor
  /// The model that it is of, for errors.
  var path: String
  /// What values are rounded to before anything is computed; nil to leave them as they are.
  var rounding: DType?

  init(_ tensor: LazyTensor, path: String, dtype: DType?) {
    self.tensor = tensor
    self.path = path
    let isRounded = (dtype == .f16 || dtype == .bf16) && dtype != tensor.info.dtype
    rounding = isRounded ? dtype : nil
  }

  /// Whether any range can be read for the price of its bytes.
  var readsAnyRange: Bool { tensor.source is FileTensorSource }

  func scratchByteCount(elementCount: Int) -> Int {
    let stored = tensor.info.dtype.byteCount(of: elementCount) ?? 0
    return (tensor.info.dtype == .f32 ? 0 : stored) + (rounding == nil ? 0 : 2 * elementCount)
      + tensor.source.scratchByteCount(elementCount: elementCount)
  }

  /// Fills `floats` with `elements`.
  /// - Throws: an error that names the first NaN.
  @_lifetime(floats: copy floats)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into floats: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    let info = tensor.info
    let count = elements.count
    if info.dtype == .f32 {
      try tensor.source.read(elements, into: &floats, scratch: &scratch)
      if let rounding { try round(&floats, to: rounding, count: count, scratch: &scratch) }
    } else {
      try scratch.split(at: info.dtype.byteCount(of: count)!) { stored, rest in
        try tensor.source.read(elements, into: &stored, scratch: &rest)
        guard let rounding else {
          return try Kernels.best.convert(
            stored.bytes, from: info.dtype, to: .f32, elementCount: count, saturating: false,
            into: &floats)
        }
        try rest.split(at: 2 * count) { narrow, _ in
          try Kernels.best.convert(
            stored.bytes, from: info.dtype, to: rounding, elementCount: count, saturating: false,
            into: &narrow)
          try Kernels.best.convert(
            narrow.bytes, from: rounding, to: .f32, elementCount: count, saturating: false,
            into: &floats)
        }
      }
    }
    guard let place = Kernels.best.firstNaN(floats.bytes) else { return }
    throw FormatError(
      .notANumber, "value \(elements.lowerBound + place) is NaN, which cannot be merged",
      path: path, tensor: info.name,
      hint: "leave the tensor out with \(setting: "exclude") '\(info.name.printable)'")
  }

  @_lifetime(floats: copy floats)
  @_lifetime(scratch: copy scratch)
  private func round(
    _ floats: inout MutableRawSpan, to dtype: DType, count: Int, scratch: inout MutableRawSpan
  ) throws {
    try scratch.split(at: 2 * count) { narrow, _ in
      try Kernels.best.convert(
        floats.bytes, from: .f32, to: dtype, elementCount: count, saturating: false,
        into: &narrow)
      try Kernels.best.convert(
        narrow.bytes, from: dtype, to: .f32, elementCount: count, saturating: false,
        into: &floats)
    }
  }
}

extension FormatError.Code {
  package static let notANumber = FormatError.Code("values.nan")
}
