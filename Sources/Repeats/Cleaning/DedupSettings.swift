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
  /// The least similarity of near-duplicates; nil for 0.7.
  package var threshold: Double?
  /// The number of words in a shingle; nil for 3.
  package var shingle: Int?
  /// The seed of the signatures of near-duplicates; nil for 0.
  package var seed: UInt64?
  /// The length of repeated ranges: bytes of text, or tokens; nil for 100 bytes or 50 tokens.
  package var rangeLength: Int?

  package init() {}

  /// True if whole documents are removed.
  var comparesDocuments: Bool { levels.contains { [.documents, .words, .near].contains($0) } }

  /// The settings of the search, which has the same meaning as that of a scan.
  var scan: ScanSettings {
    var scan = ScanSettings()
    scan.threshold = threshold ?? scan.threshold
    scan.shingle = shingle ?? scan.shingle
    scan.seed = seed ?? scan.seed
    scan.rangeLength = rangeLength
    return scan
  }

  /// - Throws: ``UsageError`` for settings out of range or that do not apply.
  package func check() throws {
    var faults: [any UserError] = []
    do { try RepeatScan.check(scan) } catch { faults.append(try asUserError(error)) }
    if levels.isEmpty { faults.append(UsageError("\(setting: "by") names nothing to remove")) }
    if rangeLength != nil, !levels.contains(.ranges) {
      faults.append(
        UsageError(
          "\(setting: "length") is the length of ranges, which are not removed",
          hint: "add them with \(setting: "by", "ranges")"))
    }
    if !levels.contains(.near) {
      for (key, isGiven) in [
        ("threshold", threshold != nil), ("shingle", shingle != nil), ("seed", seed != nil),
      ] where isGiven {
        faults.append(
          UsageError(
            "\(setting: key) belongs to near-duplicates, which are not removed",
            hint: "add them with \(setting: "by", "near"), or leave it out"))
      }
    }
    try SeveralErrors.throwIfAny(faults)
  }
}
