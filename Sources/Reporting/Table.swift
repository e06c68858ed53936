/// A table with named columns, for people or for programs.
package struct Table: Equatable, Sendable {
  /// A column with its title and alignment.
  package struct Column: Equatable, Sendable {
    package var title: String
    package var alignsRight: Bool

    package init(_ title: String, alignsRight: Bool = false) {
      self.title = title
      self.alignsRight = alignsRight
    }
  }

  package var columns: [Column]
  package var rows: [[String]]

  package init(_ columns: [Column], rows: [[String]] = []) {
    self.columns = columns
    self.rows = rows
  }

  /// Returns the table as text with two spaces between columns. If lines would be longer than `width`, the
  /// first column of names is shortened in the middle.
  package func text(width: Int?) -> String {
    var widths = columns.indices.map { column in
      rows.map { $0[column].count }.reduce(columns[column].title.count, max)
    }
    if let width {
      let excess = widths.reduce(0, +) + 2 * (widths.count - 1) - width
      if excess > 0, let name = columns.firstIndex(where: { !$0.alignsRight }) {
        widths[name] = max(min(widths[name], 12), widths[name] - excess)
      }
    }
    func line(_ cells: [String]) -> String {
      let padded = zip(columns.indices, cells).map { column, cell in
        let cell = cell.shortened(to: widths[column])
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return columns[column].alignsRight ? space + cell : cell + space
      }
      return padded.joined(separator: "  ").trimmedEnd + "\n"
    }
    return line(columns.map(\.title)) + rows.map(line).joined()
  }

  package var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }
    let rule = "|" + columns.map { $0.alignsRight ? "---:|" : "---|" }.joined() + "\n"
    return line(columns.map(\.title)) + rule + rows.map(line).joined()
  }

  /// The table as CSV according to RFC 4180, with line feeds as line ends.
  package var csv: String {
    func line(_ cells: [String]) -> String {
      cells.map(\.quotedForCSV).joined(separator: ",") + "\n"
    }
    return line(columns.map(\.title)) + rows.map(line).joined()
  }
}

extension String {
  /// The text, in quotes if it contains a character that would end a cell. The check uses code points, as
  /// readers of CSV do, because a carriage return with a line feed or a quote with an accent is one `Character`.
  fileprivate var quotedForCSV: String {
    guard unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else {
      return self
    }
    var quoted = "\"".unicodeScalars
    for scalar in unicodeScalars {
      if scalar == "\"" { quoted.append(scalar) }
      quoted.append(scalar)
    }
    return String(quoted) + "\""
  }

  /// Returns the text with `…` in its middle if it is longer than `length`.
  fileprivate func shortened(to length: Int) -> String {
    guard count > length else { return self }
    let kept = length - 1
    return prefix(kept / 2) + "…" + suffix(kept - kept / 2)
  }

  fileprivate var trimmedEnd: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
