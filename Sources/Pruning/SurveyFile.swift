package import Base
package import Checkpoints
import Surveys
import TensorCore

/// A file with one round of a global survey over the tensors of one shard.
///
/// With survey files, shards on different machines can be pruned by a common threshold. Each iteration has
/// two rounds. The files of a round are merged and determine the question of the next round, or the final
/// threshold. Sums are stored per tensor and added in the order of names, so that they have the same bits as
/// a survey in one process.
package struct SurveyFile: Sendable, Equatable {
  package static let schema = "sumac.survey/1"

  /// The options that affect the result. Files with different options cannot be merged.
  package var options: [Lineage.Option]
  package var state: GroupState
  /// The tensors of this shard, in the order of names.
  package var tensors: [Tensor]
  /// The number of scores in each bin, or of each value of the lower bits in the bin that was asked for.
  package var counts: [Int: UInt64]

  /// The tally of one tensor.
  package struct Tensor: Sendable, Equatable {
    package var name: String
    package var tally: WeightTally
  }

  package var json: JSONValue {
    .object([
      "schema": .string(Self.schema),
      "options": .array(
        options.map { .object(["name": .string($0.name), "value": .string($0.value)]) }),
      "iteration": JSONValue(state.iteration),
      "threshold_bits": JSONValue(Int(state.threshold)),
      "question": state.question.json,
      "decisions": .array(state.decisions.map(\.json)),
      "tensors": .array(
        tensors.map { tensor in
          .object([
            "name": .string(tensor.name), "count": JSONValue(tensor.tally.count),
            "zeros": JSONValue(tensor.tally.zeros),
            "p_sum": JSONValue(tensor.tally.powers.p), "q_sum": JSONValue(tensor.tally.powers.q),
          ])
        }),
      "counts": .array(
        counts.sorted { $0.key < $1.key }.map {
          .array([JSONValue($0.key), JSONValue(Int($0.value))])
        }),
    ])
  }

  package init(
    options: [Lineage.Option], state: GroupState, tensors: [Tensor], counts: [Int: UInt64]
  ) {
    self.options = options
    self.state = state
    self.tensors = tensors
    self.counts = counts
  }

  // MARK: Rounds

  /// Surveys the tensors of this shard to answer the question of `state`.
  package init(
    _ pruning: Pruning, _ checkpoint: Checkpoint, state: GroupState, amount: Amount,
    iterations: Int, engine: Engine
  ) throws {
    let readings = pruning.sortedReadings(of: checkpoint)
    let group = Pruning.globalGroup(readings, amount: amount, iterations: iterations)
    self.init(options: pruning.options, state: state, tensors: [], counts: [:])
    switch state.question {
    case .lowerBits(let asked):
      let lower = try group.lowerBits(
        threshold: state.threshold, bin: asked.bin, engine: engine)
      for (digit, count) in lower.counts.enumerated() where count > 0 { counts[digit] = count }
      tensors = readings.map { Tensor(name: $0.tensor.name, tally: WeightTally()) }
    case .sums, .ties, .nothing:
      let found = try group.sums(
        threshold: state.threshold, checks: state.iteration == 0, engine: engine)
      for (bin, count) in found.histogram.upper.counts.enumerated() where count > 0 {
        counts[bin] = count
      }
      tensors = zip(readings, found.tallies).map { Tensor(name: $0.tensor.name, tally: $1) }
    }
  }

  /// Returns the state after a round.
  /// - Parameter files: The files of all shards for the round, not empty.
  /// - Throws: An error if the files do not belong together or contradict each other.
  package static func state(
    after files: [(path: String, file: SurveyFile)], amount: Amount, iterations: Int
  ) throws -> GroupState {
    let first = files[0]
    var seen: [UTF8Key: String] = [:]
    for (path, file) in files {
      guard file.options == first.file.options else {
        throw UsageError(
          "\(path.printable): was created with different options than \(first.path.printable)")
      }
      guard file.state == first.file.state else {
        throw UsageError(
          "\(path.printable): belongs to a different round than \(first.path.printable)",
          hint: "pass the files of one round, one per shard")
      }
      for tensor in file.tensors {
        if let other = seen.updateValue(path, forKey: UTF8Key(tensor.name)) {
          throw UsageError(
            "\(path.printable): tensor '\(tensor.name.printable)' is also in \(other.printable)")
        }
      }
    }
    try checkTotals(files)
    var state = first.file.state
    switch state.question {
    case .sums:
      var (total, histogram) = (WeightTally(), MagnitudeHistogram())
      let tensors = files.flatMap(\.file.tensors).sorted { $0.name.precedesAsBytes($1.name) }
      for tensor in tensors { total.merge(tensor.tally) }
      for (_, file) in files { for (bin, count) in file.counts { histogram.add(count, to: bin) } }
      guard histogram.finiteCount == total.count else {
        throw UsageError(
          "\(first.path.printable): the histograms of the surveys do not match their weight counts")
      }
      try state.take(
        total, histogram, amount: amount, iterations: iterations, path: first.path)
    case .lowerBits(let asked):
      var lower = DigitCounts(.lower(upper: asked.bin))
      for (_, file) in files { for (digit, count) in file.counts { lower.add(count, to: digit) } }
      guard lower.total() > asked.rank else {
        throw UsageError(
          "the surveys of this round count fewer weights than those of the previous round",
          hint: "pass the files of all shards")
      }
      try state.take(lower, answering: asked, path: first.path)
    case .ties, .nothing: break
    }
    return state
  }
}

extension SurveyFile {
  /// Checks that no total exceeds the maximum number of values of a tensor, so that sums cannot overflow.
  private static func checkTotals(_ files: [(path: String, file: SurveyFile)]) throws {
    var totals = (counts: 0, weights: 0, zeros: 0)
    for (path, file) in files {
      let counts = file.counts.values.map { Int(clamping: $0) }
      let sums = [
        (\(counts: Int, weights: Int, zeros: Int).counts, counts),
        (\.weights, file.tensors.map(\.tally.count)), (\.zeros, file.tensors.map(\.tally.zeros)),
      ]
      for (key, values) in sums {
        for value in values {
          let (sum, overflow) = totals[keyPath: key].addingReportingOverflow(value)
          guard !overflow, sum <= Shape.productLimit else {
            throw UsageError("\(path.printable): counts more than 2^56 weights")
          }
          totals[keyPath: key] = sum
        }
      }
    }
  }
}

extension GroupState {
  /// Returns true if all iterations are complete.
  package func isDone(after iterations: Int) -> Bool {
    question == .nothing || (question == .sums && iteration >= iterations)
  }

  /// The number of the survey round that answers the question, counted from 1.
  package var round: Int {
    if case .lowerBits = question { 2 * iteration + 2 } else { 2 * iteration + 1 }
  }
}

extension GroupState.Question {
  fileprivate var json: JSONValue {
    switch self {
    case .lowerBits(let asked):
      .object([
        "bin": JSONValue(asked.bin), "rank": JSONValue(asked.rank),
        "next_bin": JSONValue(asked.nextBin), "fraction": JSONValue(asked.fraction),
      ])
    case .sums, .ties, .nothing: .string("sums")
    }
  }
}

extension SAP.Decision {
  package var json: JSONValue {
    .object([
      "count": JSONValue(count), "pqi": JSONValue(index), "bound": JSONValue(bound),
      "ratio": JSONValue(ratio), "dropped": JSONValue(dropCount),
    ])
  }
}
