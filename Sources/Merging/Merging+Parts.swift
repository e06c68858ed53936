package import Base
package import Checkpoints
import Surveys
import TensorCore

/// Surveys of some of the tensors, for merges that separate tasks do.
extension Merging {
  /// Surveys some of the tensors. The values of the planned output are final for these alone.
  ///
  /// There must be no ``surveyRounds``, because no tensor outside of `names` is read.
  package func survey(only names: Set<UTF8Key>, engine: Engine) throws {
    try settle(only: names) {
      try MergeSurvey(options: options, engine: engine).settled($0)
    }
  }

  /// The rounds over all tensors that find common bounds; nil if each tensor has its own bounds, or none.
  package var surveyRounds: (count: Int, tensors: [(name: String, byteCount: Int)])? {
    let rounds = trimRounds
    guard options.scope == .global, rounds.isNeeded else { return nil }
    return (TrimRounds.count, rounds.tensors.map { ($0.info.name, $0.byteCount) })
  }

  private var trimRounds: TrimRounds {
    TrimRounds(
      tensors.filter { tensor in
        guard !tensor.isCopied, case .taskVectors = tensor.combination else { return false }
        return true
      }, seed: options.seed)
  }

  /// Surveys some of the tensors for the round after `state`.
  /// - Parameter state: The state after the round before; nil in the first round.
  package func surveyRound(
    only names: Set<UTF8Key>, state: JSONValue?, engine: Engine
  ) throws -> JSONValue {
    try trimRounds.survey(only: names, state: state, engine: engine)
  }

  /// Returns the state after a round, whatever the order of the results.
  /// - Parameter results: Functions that read the results, one at a time.
  package func combined(
    _ results: [() throws -> JSONValue], state: JSONValue?
  ) throws -> JSONValue {
    try trimRounds.combined(results, state: state)
  }

  /// Makes the values of some tensors of the planned output final.
  /// - Parameter state: The state after the last round.
  package func settle(
    only names: Set<UTF8Key>, state: JSONValue, engine: Engine
  ) throws {
    let keeps = try trimRounds.keeps(only: names, state: state, engine: engine)
    try settle(only: names) { tensors in
      try MergeSurvey(options: options, engine: engine).settled(tensors) {
        keeps[UTF8Key($0.info.name)] ?? $0.keepsWithoutRanks
      }
    }
  }

  private func settle(
    only names: Set<UTF8Key>, _ body: ([PlannedTensor]) throws -> [SettledCombination?]
  ) throws {
    let numbers = tensors.indices.filter { names.contains(UTF8Key(tensors[$0].info.name)) }
    let found = try body(numbers.map { tensors[$0] })
    var settled = [SettledCombination?](repeating: nil, count: tensors.count)
    for (number, combination) in zip(numbers, found) { settled[number] = combination }
    findings.settle(settled)
  }
}
