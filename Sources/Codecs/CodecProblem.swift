/// Why a codec cannot do what it is asked for.
package struct CodecProblem: Error, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// What the index says of the codec is wrong.
    case parameters
    /// The streams of a chunk hold what the codec cannot mean.
    case streams
    /// Values that the codec cannot hold.
    case values
  }

  package var kind: Kind
  package var description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
