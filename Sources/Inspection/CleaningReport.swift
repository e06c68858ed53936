package import Base
package import Reporting

/// The report of `doctor` about the unfinished outputs in a folder, of which the abandoned ones were removed.
package struct CleaningReport: Report {
  package static let schema = "sumac.clean/1"

  private let folder: String
  private let entries: [AbandonedOutputs.Entry]

  package init(folder: String, _ entries: [AbandonedOutputs.Entry]) {
    self.folder = folder
    self.entries = entries
  }

  private static func text(_ state: AbandonedOutputs.State) -> String {
    switch state {
    case .abandoned: "removed"
    case .inUse: "in use"
    case .unknown: "kept: this file system does not tell whether it is in use"
    }
  }

  package var sections: [Section] {
    entries.isEmpty
      ? [.line("\(folder.printable): no unfinished outputs")]
      : [.facts(entries.map { Section.Fact($0.name.printable, Self.text($0.state)) })]
  }

  package var records: Table {
    Table(
      [Table.Column("name"), Table.Column("state")],
      rows: entries.map { [$0.name, Self.name($0.state)] })
  }

  package var members: JSONObject {
    ["folder": .string(folder), "outputs": .array(lines)]
  }

  package var lines: [JSONValue] {
    entries.map {
      .object(["name": .string($0.name), "state": .string(Self.name($0.state))])
    }
  }

  /// The state in JSON and CSV.
  private static func name(_ state: AbandonedOutputs.State) -> String {
    switch state {
    case .abandoned: "removed"
    case .inUse: "in-use"
    case .unknown: "unknown"
    }
  }
}
