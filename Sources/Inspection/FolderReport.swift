package import Base
package import Reporting

/// The contents of a folder that is not a model, with the command that reads each part.
package struct FolderReport: Report {
  package static let schema = "sumac.folder/1"

  /// A file or subfolder that contains a model or tensors.
  package struct Part: Sendable, Equatable {
    /// The path inside the folder.
    package var path: String
    /// The name of the format; nil if this version does not read it.
    package var format: String?
    /// The number of bytes of a file; nil for a subfolder.
    package var byteCount: Int?
    /// The command that reads it; nil if this version does not read it.
    package var command: String?

    package init(path: String, format: String?, byteCount: Int?, command: String?) {
      self.path = path
      self.format = format
      self.byteCount = byteCount
      self.command = command
    }
  }

  private let path: String
  private let parts: [Part]
  private let otherFileCount: Int
  /// True if not everything in the folder was examined.
  private let isPartial: Bool

  package init(path: String, parts: [Part], otherFileCount: Int, isPartial: Bool) {
    self.path = path
    self.parts = parts
    self.otherFileCount = otherFileCount
    self.isPartial = isPartial
  }

  package var sections: [Section] {
    var facts = [
      Section.Fact("path", "\(path.printable) (a folder without a model of its own)"),
      Section.Fact(
        "contains",
        "\(parts.count.counted("model")) or tensor files, \(otherFileCount.counted("other file"))"),
    ]
    if isPartial { facts.append(Section.Fact("note", "deeper folders are not listed")) }
    guard !parts.isEmpty else { return [.facts(facts)] }
    return [
      .facts(facts),
      .table(
        Table(
          [
            Table.Column("part"), Table.Column("format"), Table.Column("bytes", alignsRight: true),
            Table.Column("read it with"),
          ],
          rows: parts.map { part in
            [
              part.path.printable, part.format ?? "not read by this version",
              part.byteCount.map(\.grouped) ?? "", part.command ?? "",
            ]
          })),
    ]
  }

  package var records: Table {
    Table(
      ["path", "format", "bytes", "command"].map { Table.Column($0) },
      rows: parts.map {
        [$0.path, $0.format ?? "", $0.byteCount.map(String.init) ?? "", $0.command ?? ""]
      })
  }

  package var members: JSONObject {
    [
      "path": .string(path), "parts": .array(lines), "other_files": JSONValue(otherFileCount),
      "complete": .bool(!isPartial),
    ]
  }

  package var lines: [JSONValue] {
    parts.map { part in
      .object([
        "path": .string(part.path), "format": part.format.map(JSONValue.string) ?? .null,
        "bytes": part.byteCount.map { JSONValue($0) } ?? .null,
        "command": part.command.map(JSONValue.string) ?? .null,
      ])
    }
  }
}
