/// An error of a codec: invalid parameters or streams, or values that the codec cannot represent.
package struct CodecProblem: Error, Equatable, CustomStringConvertible {
  /// The kind of a problem.
  package enum Kind: Sendable, Equatable {
    /// The index contains invalid parameters for the codec.
    case parameters
    /// The streams of a chunk contain invalid data.
    case streams
    /// The codec cannot represent the values.
    case values
  }

  package var kind: Kind
  package var description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
