package import Base
package import Reporting

/// The scripts that were written for an engine.
package struct ScriptsReport: Report {
  package static let schema = "sumac.scripts/1"

  private let folder: String
  private let engine: any TaskEngine.Type
  private let names: [String]

  init(folder: String, engine: any TaskEngine.Type, names: [String]) {
    self.folder = folder
    self.engine = engine
    self.names = names
  }

  package var sections: [Section] {
    [
      .facts([
        Section.Fact("scripts", "\(folder.printable): \(names.joined(separator: ", "))"),
        Section.Fact("start with", engine.start(EnginePlan.quoted(folder))),
      ])
    ]
  }

  package var records: Table { Table([Table.Column("file")], rows: names.map { [$0] }) }

  package var members: JSONObject {
    [
      "folder": .string(folder), "engine": .string(engine.name),
      "start": .string(engine.start(EnginePlan.quoted(folder))), "files": .array(lines),
    ]
  }

  package var lines: [JSONValue] { names.map { .string($0) } }
}
