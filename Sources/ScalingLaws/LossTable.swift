package import Base

/// A table of numbers with named columns, from CSV or JSON.
package struct LossTable: Sendable {
  package let path: String
  /// The columns in the order of the file.
  private let columns: [Column]

  /// A column of a table.
  struct Column: Sendable {
    let name: String
    /// The cells that are numbers.
    private(set) var numbers: [Double] = []
    /// The first cell that is not a number.
    private(set) var fault: Fault?

    /// A cell that is not a number: its place, such as "line 3", and its text.
    struct Fault: Sendable {
      let place: String
      let text: String
    }

    init(name: String) { self.name = name }

    /// False for a column of texts, such as the names of models.
    var hasNumbers: Bool { !numbers.isEmpty }

    /// Adds a cell, whose number is nil or not finite if it is not a number.
    mutating func add(
      _ number: Double?, text: @autoclosure () -> String, place: @autoclosure () -> String
    ) {
      if let number, number.isFinite {
        numbers.append(number)
      } else if fault == nil {
        fault = Fault(place: place(), text: text())
      }
    }
  }

  /// The names of the columns with numbers.
  package var names: [String] { columns.filter(\.hasNumbers).map(\.name) }

  /// Returns the first column that has one of the names, without regard to case: one with numbers, if there is one.
  func column(_ names: [String]) -> Column? {
    let found = names.compactMap { name in
      columns.first { $0.name.lowercased() == name.lowercased() }
    }
    return found.first(where: \.hasNumbers) ?? found.first
  }

  /// Returns the numbers of all rows of a column.
  /// - Throws: ``FormatError`` for the first cell that is not a number.
  func numbers(of column: Column) throws(FormatError) -> [Double] {
    guard let fault = column.fault else { return column.numbers }
    throw FormatError(
      .lossTable,
      "\(fault.place), column '\(column.name.printable)': found \(fault.text.printable), expected a number",
      path: path, hint: "correct the cell, or leave out the row or the column")
  }

  /// The largest file that is read.
  package static let maximumByteCount = 64 << 20

  /// Reads a table: JSON if the text starts with a bracket, CSV with a line of names otherwise. JSON is a list of objects
  /// with the same keys, or an object of lists. A byte order mark is skipped.
  /// - Throws: ``FormatError`` that names the line.
  package init(_ text: [UInt8], path: String) throws {
    self.path = path
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let text = text.starts(with: mark) ? Array(text.dropFirst(mark.count)) : text
    let first = text.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
    columns =
      first == UInt8(ascii: "[") || first == UInt8(ascii: "{")
      ? try Self.json(text, path) : try Self.csv(text, path)
    guard columns.contains(where: \.hasNumbers) else {
      throw Self.fault("has no column of numbers", path)
    }
  }

  private static func fault(_ reason: Message, _ path: String) -> FormatError {
    FormatError(
      .lossTable, reason, path: path,
      hint: "give a table with columns such as parameters, tokens, repeats and loss")
  }

  // MARK: CSV

  private static func csv(_ text: [UInt8], _ path: String) throws -> [Column] {
    let lines = String(decoding: text, as: UTF8.self)
      .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
      .filter { !$0.element.allSatisfy(\.isWhitespace) }
    guard let head = lines.first, lines.count > 1 else {
      throw fault("has no rows after a line of names", path)
    }
    var columns = cells(head.element).map { Column(name: $0) }
    for (index, line) in lines.dropFirst() {
      let row = cells(line)
      guard row.count == columns.count else {
        throw fault(
          "line \(index + 1) has \(row.count.counted("cell")), expected \(columns.count)", path)
      }
      for (column, cell) in row.enumerated() {
        columns[column].add(Double(cell), text: "'\(cell)'", place: "line \(index + 1)")
      }
    }
    return columns
  }

  /// Returns the cells of a line without spaces and quotation marks around them.
  private static func cells(_ line: Substring) -> [String] {
    line.split(separator: ",", omittingEmptySubsequences: false).map { cell in
      var cell = cell
      while let last = cell.last, last == " " || last == "\"" { cell.removeLast() }
      while let first = cell.first, first == " " || first == "\"" { cell.removeFirst() }
      return String(cell)
    }
  }

  // MARK: JSON

  private static func json(_ text: [UInt8], _ path: String) throws -> [Column] {
    let value: JSONValue
    do { value = try JSONValue.parse(text.span) } catch {
      throw fault("is not JSON: \("\(error)".printable)", path)
    }
    if let object = value.asObject {
      let lists = object.compactMap { key, value in value.asArray.map { (key, $0) } }
      guard let count = lists.first?.1.count, lists.allSatisfy({ $0.1.count == count }) else {
        throw fault("has lists of different lengths, or none", path)
      }
      return lists.map { column($0, cells: $1) }
    }
    let rows = (value.asArray ?? []).compactMap(\.asObject)
    guard let first = rows.first, rows.count == value.asArray?.count else {
      throw fault("is not a list of objects", path)
    }
    return first.map { name, _ in column(name, cells: rows.map { $0[name] }) }
  }

  private static func column(_ name: String, cells: [JSONValue?]) -> Column {
    var column = Column(name: name)
    for (index, cell) in cells.enumerated() {
      column.add(
        cell?.asDouble, text: cell?.serialized() ?? "no value", place: "row \(index + 1)")
    }
    return column
  }
}

extension FormatError.Code {
  package static let lossTable = FormatError.Code(
    "repeats.table",
    meaning:
      "A table of losses has no usable columns, rows of different lengths, or a cell that is not a number.",
    remedy: "Give CSV with a line of names, or JSON as a list of objects or an object of lists.")
}
