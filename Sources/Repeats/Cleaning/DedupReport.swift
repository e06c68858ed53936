package import Base
package import Reporting

/// The numbers of what was read, removed and kept, as `repeats dedup` reports them.
package struct DedupReport: Report {
  package static let schema = "sumac.repeats-dedup/1"

  private let inputs: [(path: String, documents: Int)]
  private let unit: String
  private let settings: DedupSettings
  private let tally: DedupTally
  /// The path and the number of files of the output; nil if nothing was written.
  private let output: (path: String, fileCount: Int)?
  private let list: String?

  /// - Parameter list: The path of the list of what was removed.
  package init(
    _ result: Deduplication, output: (path: String, fileCount: Int)?, list: String?
  ) {
    inputs = result.original.sources.map { ($0.path, $0.documents.count) }
    unit = result.original.unit.rawValue
    (settings, tally) = (result.settings, result.tally)
    (self.output, self.list) = (output, list)
  }

  /// The kinds of repeats in the order in which they were removed.
  private var levels: [DedupSettings.Level] {
    DedupSettings.Level.allCases.filter {
      settings.levels.contains($0) || tally.removed[$0] != nil
    }
  }

  private static func percent(_ part: Int, _ whole: Int) -> String {
    "\((100 * Double(part) / Double(max(1, whole))).formatted(digits: 3)) %"
  }

  private var rows: [(name: String, part: DedupTally.Part)] {
    [("read", tally.read)] + levels.map { ($0.rawValue, tally.removed[$0] ?? DedupTally.Part()) }
      + [("kept", tally.kept)]
  }

  package var sections: [Section] {
    let table = Table(
      [
        Table.Column(""), Table.Column("documents", alignsRight: true),
        Table.Column("pieces", alignsRight: true), Table.Column(unit + "s", alignsRight: true),
        Table.Column("share", alignsRight: true),
      ],
      rows: rows.map { name, part in
        [
          name == "read" || name == "kept" ? name : "- " + name, part.documents.grouped,
          name == "read" || name == "kept" ? "" : part.pieces.grouped, part.units.grouped,
          Self.percent(part.units, tally.read.units),
        ]
      })
    var facts: [Section.Fact] = []
    if let output {
      facts.append(
        Section.Fact("output", "\(output.path), \(output.fileCount.counted("file"))"))
    } else {
      facts.append(Section.Fact("output", "none, as this is a dry run"))
    }
    if let list { facts.append(Section.Fact("removed", list)) }
    return [.table(table), .facts(facts)]
  }

  package var records: Table {
    Table(
      [
        Table.Column("part"), Table.Column("documents", alignsRight: true),
        Table.Column("pieces", alignsRight: true), Table.Column("units", alignsRight: true),
      ],
      rows: rows.map { [$0.name, "\($0.part.documents)", "\($0.part.pieces)", "\($0.part.units)"] })
  }

  package var members: JSONObject {
    var members: JSONObject = [
      "inputs": .array(
        inputs.map { .object(["path": .string($0.path), "documents": JSONValue($0.documents)]) }),
      "unit": .string(unit), "by": .array(levels.map { .string($0.rawValue) }),
      "read": .object([
        "documents": JSONValue(tally.read.documents), "units": JSONValue(tally.read.units),
      ]),
      "removed": .array(
        levels.map { level in
          let part = tally.removed[level] ?? DedupTally.Part()
          return .object([
            "reason": .string(level.rawValue), "documents": JSONValue(part.documents),
            "pieces": JSONValue(part.pieces), "units": JSONValue(part.units),
          ])
        }),
      "kept": .object([
        "documents": JSONValue(tally.kept.documents), "units": JSONValue(tally.kept.units),
      ]),
    ]
    if let output {
      members["output"] = .string(output.path)
      members["files"] = JSONValue(output.fileCount)
    }
    if let list { members["list"] = .string(list) }
    return members
  }

  package var lines: [JSONValue] { [document] }
}
