import Base
import Checkpoints
import Surveys
import TensorCore

/// The weights that are kept of the tensors in scope.
package struct PruningOutcome: Sendable {
  /// The outcome of one tensor.
  package struct Tensor: Sendable {
    var rule: TensorRule
    package var before: WeightTally
    package var after: WeightTally
    /// The decisions of each iteration for each group, if they are recorded.
    package var decisions: [[SAP.Decision]]
  }

  /// The indices of the tensors in the checkpoint, in the order of names.
  package let tensorIndices: [Int]
  let readings: [MaskedReading]
  package internal(set) var tensors: [Tensor]
  /// The decisions of each iteration, if all tensors are one group.
  package internal(set) var decisions: [SAP.Decision] = []

  init(tensorIndices: [Int], readings: [MaskedReading]) {
    self.tensorIndices = tensorIndices
    self.readings = readings
    tensors = readings.map { reading in
      Tensor(
        rule: TensorRule(
          choice: .groups(
            length: max(1, reading.tensor.info.elementCount), [.keepsAll])),
        before: WeightTally(), after: WeightTally(), decisions: [])
    }
  }

  package var names: [String] { readings.map(\.tensor.name) }

  /// The tallies of all weights in scope.
  package var total: (before: WeightTally, after: WeightTally) {
    var (before, after) = (WeightTally(), WeightTally())
    for tensor in tensors {
      before.merge(tensor.before)
      after.merge(tensor.after)
    }
    return (before, after)
  }

  /// Adds the outcome of the group of all tensors.
  mutating func add(_ outcome: LargeGroup.Outcome, of group: LargeGroup) {
    for number in tensors.indices {
      tensors[number].rule = TensorRule(
        choice: .groups(
          length: max(1, readings[number].tensor.info.elementCount), [outcome.rules[number]]))
      tensors[number].before = outcome.before[number]
      tensors[number].after = outcome.after[number]
    }
    decisions = outcome.decisions
  }

  /// Adds the outcome of the next group of a tensor.
  mutating func add(_ outcome: LargeGroup.Outcome, group: Int, length: Int, to number: Int) {
    if group == 0 {
      tensors[number].rule = TensorRule(choice: .groups(length: length, []))
    }
    if case .groups(let length, let rules) = tensors[number].rule.choice {
      tensors[number].rule.choice = .groups(length: length, rules + outcome.rules)
    }
    tensors[number].before.merge(outcome.before[0])
    tensors[number].after.merge(outcome.after[0])
    tensors[number].decisions.append(outcome.decisions)
  }
}
