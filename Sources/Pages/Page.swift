package import Base
package import Charts

/// A report as one page that needs no other file: figures and short lists, and a table that can be searched and sorted.
package struct Page: Sendable {
  /// A part of the page under a heading.
  package struct Part: Sendable {
    /// The name of the part in links.
    package var id: String
    package var title: String
    package var note: String?
    package var facts: [(label: String, value: String)] = []
    package var charts: [any Chart] = []

    package init(_ id: String, _ title: String, note: String? = nil) {
      self.id = id
      self.title = title
      self.note = note
    }
  }

  /// A column of the table.
  package struct Column: Sendable {
    /// The form of its cells.
    package enum Kind: String, Sendable {
      case text, name, count, bytes, share, number, histogram
    }

    package var title: String
    package var kind: Kind
    /// An explanation of the column.
    package var help: String

    package init(_ title: String, _ kind: Kind, _ help: String = "") {
      self.title = title
      self.kind = kind
      self.help = help
    }
  }

  package var title: String
  package var subtitle: String
  package var parts: [Part]
  package var tableTitle: String
  package var columns: [Column]
  package var rowCount: Int
  /// Returns the cells of a row; called once for each row, in order.
  package var row: @Sendable (Int) -> [JSONValue]

  package init(
    title: String, subtitle: String, parts: [Part], tableTitle: String, columns: [Column],
    rowCount: Int, row: @escaping @Sendable (Int) -> [JSONValue]
  ) {
    self.title = title
    self.subtitle = subtitle
    self.parts = parts
    self.tableTitle = tableTitle
    self.columns = columns
    self.rowCount = rowCount
    self.row = row
  }

  /// Passes the text of the page to `write` in pieces of about a row.
  package func write(to write: (String) throws -> Void) throws {
    try write(PageTemplate.head(self))
    try write("{\"columns\":" + Self.embedded(columnList) + ",\"rows\":[\n")
    for number in 0..<rowCount {
      try write((number > 0 ? ",\n" : "") + Self.embedded(.array(row(number))))
    }
    try write("]}")
    try write(PageTemplate.tail())
  }

  private var columnList: JSONValue {
    .array(
      columns.map {
        .object([
          "title": .string($0.title), "kind": .string($0.kind.rawValue), "help": .string($0.help),
        ])
      })
  }

  /// Returns a JSON text that cannot end the element of the page that it is in.
  static func embedded(_ value: JSONValue) -> String {
    value.serialized(escapesControls: true).replacing("<", with: "\\u003c")
      .replacing(">", with: "\\u003e").replacing("&", with: "\\u0026")
  }
}
