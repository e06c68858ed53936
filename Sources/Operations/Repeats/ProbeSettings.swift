package import BLAS
import Base
import Checkpoints

/// The sequences that a model is probed with.
package struct ProbeSettings: Codable, Sendable, Equatable {
  /// Rows of a start token and a segment twice: `PATH`, or `PATH:NAME`; drawn if nil.
  package var tokens: String?
  /// Rows of a start token and a segment several times; drawn if nil.
  package var copies: String?
  /// The number of tokens of a drawn segment; 20 for nil.
  package var segmentLength: Int?
  /// The number of drawn sequences with two segments; 8 for nil.
  package var sequenceCount: Int?
  /// The number of times that the drawn sequence with many copies repeats the segment; 11 for nil.
  package var copyCount: Int?
  /// The first token of drawn sequences; nil for the one of the configuration, or 0.
  package var start: Int?
  /// The seed of drawn sequences; 0 for nil.
  package var seed: UInt64?
  package var kernels = KernelChoice.native

  package init() {}
}

extension ProbeSettings {
  /// The paths of the files with tokens, without the names of tensors in them.
  package var inputPaths: [String] {
    TensorPath.files(of: [tokens, copies].compactMap(\.self))
  }

  /// The names of the settings of drawn sequences that were given.
  private var drawing: [String] {
    let all = [
      ("length", segmentLength != nil), ("sequences", sequenceCount != nil),
      ("copies-count", copyCount != nil), ("start", start != nil), ("seed", seed != nil),
    ]
    return all.filter(\.1).map(\.0)
  }

  /// Throws ``UsageError`` or ``SeveralErrors`` for each setting of drawn sequences whose place a file takes.
  func checkFiles() throws {
    let unused =
      switch (tokens, copies) {
      case (nil, nil): [String]()
      case (.some, nil): drawing.filter { $0 == "sequences" }
      case (nil, .some): drawing.filter { $0 == "copies-count" }
      case (.some, .some): drawing
      }
    try Self.refuse(unused, "because the sequences come from files")
  }

  /// Throws ``UsageError`` or ``SeveralErrors`` for each setting of sequences that was given.
  func checkAbsence() throws {
    let files = [("tokens", tokens != nil), ("copies", copies != nil)].filter(\.1).map(\.0)
    try Self.refuse(files + drawing, "because no model is run")
  }

  private static func refuse(_ names: [String], _ reason: String) throws {
    try SeveralErrors.throwIfAny(
      names.map { UsageError("\(setting: $0) has no effect, \(reason)") })
  }
}
