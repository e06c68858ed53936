import Base

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

  /// The columns that a text column keeps when a table is made narrower, first column and others.
  private static let leastNameWidth = 12
  private static let leastTextWidth = 8

  /// Returns the table as text with two spaces between columns.
  ///
  /// If lines would take more than `width` columns of the terminal, the first column of names is shortened in the
  /// middle, then the other columns of text. Different names stay different.
  package func text(width: Int?) -> String {
    let titles = columns.map(\.title)
    var cells = rows.map { $0.map(\.withoutLineBreaks) }
    var widths = columns.indices.map { column in
      cells.map { $0[column].columnCount }.reduce(titles[column].columnCount, max)
    }
    if let width {
      for column in shrink(&widths, to: width) {
        let short = ShortenedNames(cells.map { $0[column] }, width: widths[column]).texts
        for row in cells.indices { cells[row][column] = short[row] }
      }
    }
    func line(_ cells: [String]) -> String {
      let padded = zip(columns.indices, cells).map { column, cell in
        let space = String(repeating: " ", count: max(0, widths[column] - cell.columnCount))
        return columns[column].alignsRight ? space + cell : cell + space
      }
      return padded.joined(separator: "  ").trimmedEnd + "\n"
    }
    return line(titles) + cells.map(line).joined()
  }

  /// Makes columns of text narrower until all columns fit into `width`, as far as possible.
  /// - Returns: The columns that became narrower.
  private func shrink(_ widths: inout [Int], to width: Int) -> [Int] {
    var excess = widths.reduce(0, +) + 2 * (widths.count - 1) - width
    var shrunk: [Int] = []
    for column in columns.indices where !columns[column].alignsRight && excess > 0 {
      let least =
        shrunk.isEmpty
        ? Self.leastNameWidth : max(Self.leastTextWidth, columns[column].title.columnCount)
      let cut = min(excess, max(0, widths[column] - least))
      guard cut > 0 else { continue }
      widths[column] -= cut
      excess -= cut
      shrunk.append(column)
    }
    return shrunk
  }

  package var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.withoutLineBreaks.replacing("|", with: "\\|") }.joined(separator: " | ")
        + " |\n"
    }
    let rule = "|" + columns.map { $0.alignsRight ? "---:|" : "---|" }.joined() + "\n"
    return line(columns.map(\.title)) + rule + rows.map(line).joined()
  }

  /// The table as CSV according to RFC 4180, with line feeds as line ends.
  ///
  /// Control characters and backslashes are escaped as in text. An apostrophe precedes a cell that a spreadsheet would
  /// run as a formula: one that starts with `=`, `+`, `-` or `@` and is not a number.
  package var csv: String {
    func line(_ cells: [String]) -> String {
      cells.map(\.printable.withoutFormula.quotedForCSV).joined(separator: ",") + "\n"
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

  /// The text as it is, or with an apostrophe in front if a spreadsheet would run it.
  fileprivate var withoutFormula: String {
    guard let first = unicodeScalars.first, "=+-@".unicodeScalars.contains(first),
      Double(self) == nil
    else { return self }
    return "'" + self
  }

  fileprivate var trimmedEnd: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  /// The text with control characters escaped, line feeds too, so that a cell stays on its line.
  var withoutLineBreaks: String { withoutControls.replacing("\n", with: "\\n") }
}
