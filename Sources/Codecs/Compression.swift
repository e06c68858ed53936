package import Zstd

/// The effort with which a writer of `.sumac` compresses lossless terms.
package enum Compression: String, CaseIterable, Sendable {
  /// Values are stored unchanged, so that every tensor is one contiguous array that can be mapped.
  case none
  /// Byte planes with entropy coding: close to the best ratio for weights, at the speed of reading from disk.
  case fast
  /// Each plane is coded with and without match finding, and the smaller result is kept.
  case small

  package var codecName: String { self == .none ? "raw" : "planes" }

  /// The settings tried for each stream, in this order; the first of the smallest results is kept.
  package var attempts: [ZstdSettings] {
    switch self {
    case .none: []
    case .fast: [.literals]
    case .small: [.literals, .matches]
    }
  }

  /// Additional settings tried for a stream that shrinks to a quarter or less.
  package var followUps: [ZstdSettings] { self == .fast ? [.quickMatches] : [] }

  /// The codec of lossless terms.
  package var codec: any ValueCodec { self == .none ? RawCodec() : PlanesCodec() }
}
