package import Base
import Checkpoints
import TensorCore

/// A model's tensor as a merge reads it: rounded to the dtype of the merge, in float32, without NaN.
struct Operand: Sendable {
  /// The model that it is of, for errors.
  let path: String
  private let reader: FloatReader

  /// - Parameter dtype: what values are rounded to before anything is computed, if it is F16 or BF16.
  init(_ tensor: LazyTensor, path: String, dtype: DType?) {
    self.path = path
    let isRounded = (dtype == .f16 || dtype == .bf16) && dtype != tensor.info.dtype
    reader = FloatReader(
      tensor,
      .refuse(.nan) { tensor, problem in
        FormatError(
          .nanOperand, "value \(problem.element) is NaN, which cannot be merged", path: path,
          tensor: tensor.name,
          hint: "leave the tensor out with \(setting: "exclude") '\(tensor.name.printable)'")
      }, rounding: isRounded ? dtype : nil)
  }

  var tensor: LazyTensor { reader.tensor }

  /// Whether any range can be read for the price of its bytes.
  var readsAnyRange: Bool { tensor.source is FileTensorSource }

  func scratchByteCount(elementCount: Int) -> Int {
    reader.scratchByteCount(elementCount: elementCount)
  }

  /// Fills `floats` with `elements`.
  /// - Throws: an error that names the first NaN.
  @_lifetime(floats: copy floats)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into floats: inout MutableRawSpan, scratch: inout MutableRawSpan
  ) throws {
    try reader.read(elements, into: &floats, scratch: &scratch)
  }
}

extension FormatError.Code {
  /// A value that is merged, or becomes one by merging, is NaN.
  package static let nanOperand = FormatError.Code(
    "values.nan",
    meaning: "A value became NaN while models were merged.",
    remedy: "Check the inputs for infinite values, or leave the tensor out.")
}
