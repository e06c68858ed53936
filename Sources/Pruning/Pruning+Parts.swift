package import Base
package import Checkpoints
import TensorCore

/// Outcomes of parts of a model.
extension Pruning {
  /// Returns the outcome for a shard from the threshold that the surveys of all shards determined.
  package func outcome(
    for checkpoint: Checkpoint, _ state: GroupState, amount: Amount, iterations: Int,
    engine: Engine
  ) throws -> PruningOutcome {
    let readings = sortedReadings(of: checkpoint)
    let group = Self.globalGroup(readings, amount: amount, iterations: iterations)
    var result = PruningOutcome(
      tensorIndices: sortedTensorIndices(in: checkpoint), readings: readings)
    let before = try group.sums(threshold: 0, checks: true, engine: engine).tallies
    let after = try group.sums(threshold: state.threshold, checks: false, engine: engine).tallies
    let rule = GroupRule(threshold: state.threshold)
    result.add(
      LargeGroup.Outcome(
        rules: readings.map { _ in rule }, before: before, after: after,
        decisions: state.decisions), of: group)
    return result
  }

  /// Returns the weights that are kept under a common threshold. The tallies of the tensors are empty.
  package func outcome(for checkpoint: Checkpoint, _ state: GroupState) -> PruningOutcome {
    let readings = sortedReadings(of: checkpoint)
    var result = PruningOutcome(
      tensorIndices: sortedTensorIndices(in: checkpoint), readings: readings)
    for (number, reading) in readings.enumerated() {
      result.tensors[number].rule = TensorRule(
        choice: .groups(
          length: max(1, reading.tensor.info.elementCount),
          [GroupRule(threshold: state.threshold)]))
    }
    result.decisions = state.decisions
    return result
  }

  /// Reads some of the tensors in scope and returns the weights that are kept of each. All other tensors are kept whole.
  ///
  /// The scope must not be `global`, because no tensor outside of `names` is read.
  package func outcome(
    for checkpoint: Checkpoint, only names: Set<UTF8Key>, engine: Engine
  ) throws -> PruningOutcome {
    var result = PruningOutcome(
      tensorIndices: sortedTensorIndices(in: checkpoint),
      readings: sortedReadings(of: checkpoint))
    var part = checkpoint
    part.tensors.removeAll { !names.contains(UTF8Key($0.name)) }
    var restricted = self
    restricted.roles = roles(of: checkpoint)
    let found = try restricted.outcome(for: part, recordsDecisions: false, engine: engine)
    var numbers: [UTF8Key: Int] = [:]
    for (number, name) in result.names.enumerated() { numbers[UTF8Key(name)] = number }
    for (name, tensor) in zip(found.names, found.tensors) {
      if let number = numbers[UTF8Key(name)] { result.tensors[number] = tensor }
    }
    return result
  }
}
