package import BLAS

/// The sequences that a model is probed with.
package struct ProbeSettings: Codable, Sendable, Equatable {
  /// Rows of a start token and a segment twice: `PATH`, or `PATH:NAME`; drawn if nil.
  package var tokens: String?
  /// Rows of a start token and a segment several times; drawn if nil.
  package var copies: String?
  /// The number of tokens of a drawn segment, and of drawn sequences with two of them.
  package var segmentLength = 20
  package var sequenceCount = 8
  /// How often the segment occurs in the sequences with many copies.
  package var copyCount = 11
  /// The first token of drawn sequences; nil for the one of the configuration, or 0.
  package var start: Int?
  package var seed: UInt64 = 0
  package var kernels = KernelChoice.native

  package init() {}
}
