/// The tokens of a run: sequences of one length that do not see each other.
package struct Windows: Sendable, Hashable {
  package var sequenceCount: Int
  /// The number of tokens of each sequence.
  package var length: Int
  /// The position of the first token of each sequence: the number of tokens in a cache before it.
  package var start: Int
  /// For encoders, the number of tokens of each sequence without its padding; nil if there is none.
  package var lengths: [Int]?

  package init(sequenceCount: Int = 1, length: Int, start: Int = 0, lengths: [Int]? = nil) {
    precondition(sequenceCount > 0 && length > 0 && start >= 0)
    self.sequenceCount = sequenceCount
    self.length = length
    self.start = start
    self.lengths = lengths
  }

  package var tokenCount: Int { sequenceCount * length }
}
