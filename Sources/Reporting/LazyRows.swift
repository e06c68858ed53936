/// The rows of a table, or the lines of a report, which are made when they are read and not kept.
///
/// A report on a model of 100,000 tensors would otherwise take several times the memory of its text.
package struct LazyRows<Row>: RandomAccessCollection, Sendable {
  private let row: @Sendable (Int) -> Row
  package let endIndex: Int

  package var startIndex: Int { 0 }

  /// - Parameter row: Returns the row with a number; always the same for the same number.
  package init(count: Int, _ row: @escaping @Sendable (Int) -> Row) {
    endIndex = count
    self.row = row
  }

  package subscript(position: Int) -> Row {
    precondition(indices.contains(position), "there is no such row")
    return row(position)
  }
}

extension LazyRows where Row: Sendable {
  /// Creates rows that are kept.
  package init(_ rows: [Row]) {
    self.init(count: rows.count) { rows[$0] }
  }
}

extension LazyRows: Equatable where Row: Equatable {
  package static func == (left: LazyRows, right: LazyRows) -> Bool { left.elementsEqual(right) }
}
