package import Zstd

/// How hard a writer of `.sumac` tries to make lossless terms small.
package enum Compression: String, CaseIterable, Sendable {
  /// Values as they are, so that every tensor is one mapped array.
  case none
  /// Byte planes with entropy coding: near the best for weights, at the speed of reading a disk.
  case fast
  /// Each plane coded with and without match finding and the smaller kept.
  case small

  package var codecName: String { self == .none ? "raw" : "planes" }

  /// The settings tried for a stream, in this order; the first of the smallest is kept.
  package var attempts: [ZstdSettings] {
    switch self {
    case .none: []
    case .fast: [.literals]
    case .small: [.literals, .matches]
    }
  }

  /// The settings tried besides for a stream that shrinks to a quarter or less.
  package var followUps: [ZstdSettings] { self == .fast ? [.quickMatches] : [] }

  /// The codec of lossless terms.
  package var codec: any ValueCodec { self == .none ? RawCodec() : PlanesCodec() }
}
