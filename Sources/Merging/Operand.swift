package import Base
import Checkpoints
import TensorCore

/// A tensor of a model as a merge reads it: in float32, rounded to the dtype of the merge, without NaN.
struct Operand: Sendable {
  /// The path of the tensor's model, for error messages.
  let path: String
  private let reader: FloatReader

  /// Creates an operand.
  ///
  /// - Parameter dtype: The dtype to which values are rounded before they are used, if it is F16 or BF16.
  init(_ tensor: LazyTensor, path: String, dtype: DType?) {
    self.path = path
    let isRounded = (dtype == .f16 || dtype == .bf16) && dtype != tensor.info.dtype
    reader = FloatReader(
      tensor,
      .refuse(.nan) { tensor, problem in
        FormatError(
          .nanOperand, "value \(problem.element) is NaN, which cannot be merged", path: path,
          tensor: tensor.name,
          hint: "exclude the tensor with \(setting: "exclude") '\(tensor.name.printable)'")
      }, rounding: isRounded ? dtype : nil)
  }

  var tensor: LazyTensor { reader.tensor }

  /// True if reading a range costs no more than the bytes of the range.
  var readsAnyRange: Bool { tensor.source is FileTensorSource }

  func scratchByteCount(elementCount: Int) -> Int {
    reader.scratchByteCount(elementCount: elementCount)
  }

  /// Fills `floats` with the values of `elements`.
  ///
  /// - Parameter body: Receives the values as they are stored.
  /// - Throws: `FormatError` with the index of the first NaN.
  @_lifetime(floats: copy floats)
  @_lifetime(scratch: copy scratch)
  func read(
    _ elements: Range<Int>, into floats: inout MutableRawSpan, scratch: inout MutableRawSpan,
    _ body: (borrowing RawSpan) -> Void = { _ in }
  ) throws {
    _ = try reader.read(elements, into: &floats, scratch: &scratch) { stored, _ in body(stored) }
  }
}

extension FormatError.Code {
  /// An input or a result of a merge is NaN.
  package static let nanOperand = FormatError.Code(
    "values.nan",
    meaning: "A value became NaN while models were merged.",
    remedy: "Check the inputs for infinite values, or exclude the tensor.")
}
