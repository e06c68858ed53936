import Base

/// The result of a batch for one model.
struct BatchResult: Sendable {
  /// The state of the model at the end of the batch.
  enum State: String, Sendable {
    /// The output was written.
    case done
    /// The output was complete before, with the same input and settings.
    case skipped
    /// The output of a run that was ended is complete; only what followed it was done.
    case recovered
    case failed
    /// The work did not start, because another model failed.
    case notRun = "not-run"
  }

  var input: String
  /// The path of the output.
  var output: String
  var state: State
  var inputByteCount: Int?
  var outputByteCount: Int?
  /// ‖x − x̂‖ / ‖x‖ over all tensors with a loss, of the step that loses the most; nil if there is none.
  var relativeError: Double?
  /// The time of the work; nil if there was none.
  var seconds: Double?
  var error: (any UserError)?
}
