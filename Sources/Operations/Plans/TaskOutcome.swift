import Base

/// The outcome of a task.
package struct TaskOutcome: Sendable, Equatable {
  package enum State: String, Sendable {
    case done
    /// A valid result was there.
    case skipped
  }

  package var task: PlanTask
  package var state: State
  /// The number of bytes of weights that were written.
  package var writtenByteCount = 0
  package var seconds = 0.0
}
