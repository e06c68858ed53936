/// The behaviour of a model on sequences that repeat a segment.
package struct Probe: Sendable, Equatable {
  package let grid: HeadGrid
  /// The measures of attention that have a value for each head.
  let columns: [HeadColumn]
  /// The number of sequences with two segments.
  package let sequenceCount: Int
  /// The length of their segment.
  package let segmentLength: Int
  /// The mean loss of each token after the first, in nats, over the sequences.
  package let lossByPosition: [Double]
  /// The mean loss of each copy of a segment in sequences with many copies.
  package let lossByCopy: [Double]
  /// The length of the segment of the sequences with many copies.
  package let copiedLength: Int

  /// - Parameters:
  ///   - losses: The loss of each token after the first of each of `sequences`, in order.
  ///   - copyLosses: The loss of each token after the first of each of `copies`, in order.
  package init(
    _ attention: AttentionMeasures, _ sequences: ProbeSequences, losses: [Double],
    _ copies: ProbeSequences, copyLosses: [Double]
  ) {
    grid = attention.grid
    columns = [
      HeadColumn("prefix_matching", "prefix matching", attention.prefixMatching),
      HeadColumn("duplicate_token", "duplicate token", attention.duplicateToken),
      HeadColumn("previous_token", "previous token", attention.previousToken),
    ]
    sequenceCount = sequences.count
    segmentLength = sequences.segmentLength
    let length = sequences.length - 1
    lossByPosition = (0..<length).map { place in
      stride(from: place, to: losses.count, by: length).reduce(0) { $0 + losses[$1] }
        / Double(sequences.count)
    }
    lossByCopy = copies.lossByCopy(copyLosses)
    copiedLength = copies.segmentLength
  }

  /// The mean loss over the first segment.
  package var firstLoss: Double {
    lossByPosition.prefix(segmentLength).reduce(0, +) / Double(segmentLength)
  }

  /// The mean loss over the second segment, which an induction head lowers.
  package var inductionLoss: Double {
    lossByPosition.suffix(segmentLength).reduce(0, +) / Double(segmentLength)
  }
}
