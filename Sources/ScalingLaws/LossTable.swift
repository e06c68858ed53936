package import Base

/// A table of numbers with named columns, from CSV or JSON.
package struct LossTable: Sendable, Equatable {
  package let path: String
  package let names: [String]
  /// The columns in the order of their names, all of one length.
  package let columns: [[Double]]

  package var rowCount: Int { columns.first?.count ?? 0 }

  /// Returns the first column that has one of the names, without regard to case.
  package func column(_ names: [String]) -> [Double]? {
    let known = self.names.map { $0.lowercased() }
    return names.lazy.compactMap { known.firstIndex(of: $0.lowercased()) }.first.map { columns[$0] }
  }

  /// The largest file that is read.
  package static let maximumByteCount = 64 << 20

  /// Reads a table: JSON if the text starts with a bracket, CSV with a line of names otherwise. JSON is a list of objects
  /// with the same keys, or an object of lists. Cells and members that are not numbers make their column unusable.
  /// - Throws: ``FormatError`` that names the line or the row.
  package init(_ text: [UInt8], path: String) throws {
    self.path = path
    let first = text.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
    let found =
      first == UInt8(ascii: "[") || first == UInt8(ascii: "{")
      ? try Self.json(text, path) : try Self.csv(text, path)
    // Only columns of numbers are of use; others, such as names, are left out.
    let usable = found.columns.indices.filter { !found.columns[$0].contains { $0 == nil } }
    names = usable.map { found.names[$0] }
    columns = usable.map { found.columns[$0].compactMap(\.self) }
    guard !columns.isEmpty, rowCount > 0 else {
      throw Self.fault("has no column of numbers", path)
    }
  }

  private static func fault(_ reason: Message, _ path: String) -> FormatError {
    FormatError(
      .lossTable, reason, path: path,
      hint: "give a table with columns such as parameters, tokens, repeats and loss")
  }

  private static func csv(
    _ text: [UInt8], _ path: String
  ) throws -> (names: [String], columns: [[Double?]]) {
    let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
    func cells(_ line: Substring) -> [String] {
      line.split(separator: ",", omittingEmptySubsequences: false).map { cell in
        var cell = cell
        while let last = cell.last, last == " " || last == "\"" { cell.removeLast() }
        while let first = cell.first, first == " " || first == "\"" { cell.removeFirst() }
        return String(cell)
      }
    }
    guard let head = lines.first, lines.count > 1 else {
      throw fault("has no rows after a line of names", path)
    }
    let names = cells(head)
    var columns = [[Double?]](repeating: [], count: names.count)
    for (index, line) in lines.enumerated().dropFirst() {
      let row = cells(line)
      guard row.count == names.count else {
        throw fault(
          "line \(index + 1) has \(row.count.counted("cell")), expected \(names.count)", path)
      }
      for (column, cell) in row.enumerated() { columns[column].append(finite(Double(cell))) }
    }
    return (names, columns)
  }

  private static func json(
    _ text: [UInt8], _ path: String
  ) throws -> (names: [String], columns: [[Double?]]) {
    let value: JSONValue
    do { value = try JSONValue.parse(text.span) } catch {
      throw fault("is not JSON: \("\(error)".printable)", path)
    }
    if let object = value.asObject {
      let lists = object.compactMap { key, value in value.asArray.map { (key, $0) } }
      guard let count = lists.first?.1.count, lists.allSatisfy({ $0.1.count == count }) else {
        throw fault("has lists of different lengths, or none", path)
      }
      return (lists.map(\.0), lists.map { $0.1.map { finite($0.asDouble) } })
    }
    let rows = (value.asArray ?? []).compactMap(\.asObject)
    guard let first = rows.first, rows.count == value.asArray?.count else {
      throw fault("is not a list of objects", path)
    }
    let names = first.map(\.0)
    return (names, names.map { name in rows.map { finite($0[name]?.asDouble) } })
  }

  private static func finite(_ number: Double?) -> Double? {
    number.flatMap { $0.isFinite ? $0 : nil }
  }
}

extension FormatError.Code {
  package static let lossTable = FormatError.Code(
    "repeats.table",
    meaning: "A table of losses has no usable columns, or rows of different lengths.",
    remedy: "Give CSV with a line of names, or JSON as a list of objects or an object of lists.")
}
