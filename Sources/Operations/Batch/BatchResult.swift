package import Base

/// The result of a batch for one model.
package struct BatchResult: Sendable {
  /// The state of the model at the end of the batch.
  package enum State: String, Sendable {
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

  package var input: String
  /// The path of the output.
  package var output: String
  package var state: State
  package var inputByteCount: Int?
  package var outputByteCount: Int?
  /// ‖x − x̂‖ / ‖x‖ over all tensors with a loss, of the step that loses the most; nil if there is none.
  package var relativeError: Double?
  /// The mean divergence of the predictions from those of the input, in nats per token; nil unless it was evaluated.
  package var divergence: Double?
  /// The time of the work; nil if there was none.
  package var seconds: Double?
  package var error: (any UserError)?
}
