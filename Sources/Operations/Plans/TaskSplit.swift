package import Base
package import Checkpoints

/// The way in which separate tasks make the output of an operation.
package enum TaskSplit: Sendable {
  /// Each task reads the tensors of its part and needs nothing else.
  case withoutSurvey
  /// Values must be read before a part can be written.
  case surveyed(SplitSurvey)
  /// One process must do the work, for this reason.
  case refused(Message)
}

/// A survey that separate tasks do.
package struct SplitSurvey: Sendable {
  /// Returns the output in which the tensors of `names` are final. Of the other tensors, only the headers are.
  ///
  /// - Parameters:
  ///   - names: The tensors of one part of the output, and those that they are aliases of.
  ///   - state: The state after the last round; nil if there are no rounds.
  package var output:
    @Sendable (_ names: Set<UTF8Key>, _ state: JSONValue?, Engine) throws -> Checkpoint
  /// The rounds over all tensors, or over other items; nil if a part needs a survey of its own tensors only.
  package var rounds: Rounds?

  /// Rounds in which tasks survey some of the items each, and one task combines what they found.
  package struct Rounds: Sendable {
    package var count: Int
    /// The name of one item, for the table of a plan.
    package var kind = "tensor"
    /// The work of each round: tensors in the order of the catalog, or other items.
    package var items: [Item]
    /// The length of the result of a task, in bytes, about.
    package var resultByteCount = 1 << 16
    /// The memory for results while they are combined, in bytes; nil for that of the counters of each task.
    package var combinedByteCount: Int?
    /// Surveys some of the items.
    /// - Parameter state: The state after the round before; nil in the first round.
    package var survey:
      @Sendable (_ names: Set<UTF8Key>, _ state: JSONValue?, Engine) throws -> JSONValue
    /// Returns the state after a round, whatever the order of the results.
    package var combine: @Sendable (_ results: [Result], _ state: JSONValue?) throws -> JSONValue
  }

  /// A tensor that a round reads, or another part of its work.
  package struct Item: Sendable, Equatable {
    package var name: String
    /// The number of bytes that are read for it.
    package var byteCount: Int
  }

  /// The result of a task of a round, which is read when it is needed.
  package struct Result: Sendable {
    /// The file of the result, for messages.
    package var path: String
    var load: @Sendable () throws -> JSONValue

    package func value() throws -> JSONValue { try load() }
  }

  package init(
    rounds: Rounds? = nil,
    output:
      @escaping @Sendable (_ names: Set<UTF8Key>, _ state: JSONValue?, Engine) throws ->
      Checkpoint
  ) {
    self.rounds = rounds
    self.output = output
  }
}
