import Synchronization

/// The combinations that the values of a merge are computed with, by the position of the tensor in the plan.
///
/// The plan of a merge is made once and refers to its findings. They are approximations, without thresholds and
/// factors, until the survey of the merge replaces them.
final class MergeFindings: Sendable {
  private let combinations: Mutex<[SettledCombination]>

  init(unsurveyed tensors: [PlannedTensor]) {
    combinations = Mutex(tensors.map(\.unsurveyed))
  }

  /// Creates findings that need no survey.
  init(_ combinations: [SettledCombination]) { self.combinations = Mutex(combinations) }

  subscript(tensor: Int) -> SettledCombination { combinations.withLock { $0[tensor] } }

  /// Sets the final combinations; nil for tensors that are copied.
  func settle(_ found: [SettledCombination?]) {
    combinations.withLock { combinations in
      for (index, combination) in found.enumerated() {
        if let combination { combinations[index] = combination }
      }
    }
  }
}
