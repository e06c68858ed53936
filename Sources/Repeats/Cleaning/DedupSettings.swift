import Base
import Checkpoints

/// The repeats that are removed from data.
package struct DedupSettings: Codable, Sendable, Equatable {
  /// A kind of repeats. The first occurrence of each stays.
  package enum Level: String, CaseIterable, Codable, Sendable {
    /// Documents with equal bytes.
    case documents
    /// Documents with equal words, those with equal bytes included.
    case words
    /// Documents in one cluster of near-duplicates, those with equal words included.
    case near
    /// Paragraphs with equal bytes.
    case paragraphs
    /// Runs of a number of units.
    case ranges
  }

  package var levels: [Level] = [.documents]
  package var threshold = 0.7
  package var shingle = 3
  package var seed: UInt64 = 0
  /// The length of repeated ranges: bytes of text, or tokens; nil for 100 bytes or 50 tokens.
  package var rangeLength: Int?

  package init() {}

  /// True if whole documents are removed.
  var comparesDocuments: Bool { levels.contains { [.documents, .words, .near].contains($0) } }

  /// - Throws: ``UsageError`` for settings out of range or that do not apply.
  package func check() throws {
    var scan = ScanSettings()
    (scan.threshold, scan.shingle, scan.seed) = (threshold, shingle, seed)
    scan.rangeLength = rangeLength
    var faults: [any UserError] = []
    do { try RepeatScan.check(scan) } catch { faults.append(try asUserError(error)) }
    if levels.isEmpty { faults.append(UsageError("\(setting: "by") names nothing to remove")) }
    if rangeLength != nil, !levels.contains(.ranges) {
      faults.append(
        UsageError(
          "\(setting: "length") is the length of ranges, which are not removed",
          hint: "add them with \(setting: "by", "ranges")"))
    }
    try SeveralErrors.throwIfAny(faults)
  }
}
