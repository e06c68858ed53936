package import BLAS
import Checkpoints

/// The sequences that a model is probed with.
package struct ProbeSettings: Codable, Sendable, Equatable {
  /// Rows of a start token and a segment twice: `PATH`, or `PATH:NAME`; drawn if nil.
  package var tokens: String?
  /// Rows of a start token and a segment several times; drawn if nil.
  package var copies: String?
  /// The number of tokens of a drawn segment.
  package var segmentLength = 20
  /// The number of drawn sequences with two segments.
  package var sequenceCount = 8
  /// The number of times that the drawn sequence with many copies repeats the segment.
  package var copyCount = 11
  /// The first token of drawn sequences; nil for the one of the configuration, or 0.
  package var start: Int?
  package var seed: UInt64 = 0
  package var kernels = KernelChoice.native

  package init() {}
}

extension ProbeSettings {
  /// The paths of the files with tokens, without the names of tensors in them.
  package var inputPaths: [String] {
    TensorPath.files(of: [tokens, copies].compactMap(\.self))
  }
}
