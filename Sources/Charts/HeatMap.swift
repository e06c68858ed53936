import Base

/// A matrix of values as coloured cells with the value of each as its tip.
package struct HeatMap: Chart {
  package var title: String
  package var rows: [String]
  package var columns: [String]
  /// The values by row; a cell without one is nil.
  package var values: [[Double?]]
  package var scale: AxisScale
  /// True if cells show their values as text.
  package var showsValues: Bool

  package init(
    _ title: String, rows: [String], columns: [String], values: [[Double?]],
    scale: AxisScale = .linear, showsValues: Bool = false
  ) {
    self.title = title
    self.rows = rows
    self.columns = columns
    self.values = values
    self.scale = scale
    self.showsValues = showsValues
  }

  private static let cell = (width: 26.0, height: 18.0)
  private var labelWidth: Double { 7 * Double(min(34, rows.map(\.count).max() ?? 0)) + 14 }
  private var cellWidth: Double {
    showsValues ? 64 : max(8, min(Self.cell.width, 620 / Double(max(1, columns.count))))
  }
  private var headHeight: Double { showsValues ? 60 : 50 }

  package var size: (width: Double, height: Double) {
    (
      max(360, labelWidth + cellWidth * Double(columns.count) + 16),
      headHeight + Self.cell.height * Double(rows.count) + 12
    )
  }

  package var summary: String {
    let known = values.flatMap(\.self).compactMap(\.self).filter(\.isFinite)
    guard let least = known.min(), let most = known.max() else { return "No values." }
    return "\(rows.count) rows and \(columns.count) columns, from \(text(least)) to \(text(most))."
  }

  private func text(_ value: Double) -> String {
    guard scale == .shares else { return value.brief }
    let percentage = 100 * value
    return percentage != 0 && percentage.magnitude < 0.01
      ? "\(percentage.short) %" : value.briefPercentage
  }

  package func draw(on canvas: inout Canvas) {
    let known = values.flatMap(\.self).compactMap(\.self).filter(\.isFinite)
    let (least, most) = (known.min() ?? 0, known.max() ?? 1)
    func share(_ value: Double) -> Double {
      guard value.isFinite else { return 1 }
      return most > least ? (value - least) / (most - least) : 0.5
    }
    let scaleX = labelWidth
    canvas.text(text(least), x: scaleX - 6, y: 38, "muted", anchor: .end)
    for step in 0..<10 {
      canvas.rectangle(
        x: scaleX + 10 * Double(step), y: 29, width: 10, height: 10, heat: Double(step) / 9)
    }
    canvas.text(text(most), x: scaleX + 106, y: 38, "muted")
    let gap = max(1, (columns.count + 23) / 24)
    for (column, name) in columns.enumerated() where showsValues || column % gap == 0 {
      let short = name.count > 8 && showsValues ? "…" + name.suffix(7) : name
      canvas.text(
        short, x: labelWidth + cellWidth * (Double(column) + 0.5), y: headHeight - 3, "muted",
        anchor: .middle, size: 10)
    }
    for (row, name) in rows.enumerated() {
      let y = headHeight + Self.cell.height * Double(row)
      let short = name.count > 34 ? "…" + name.suffix(33) : name
      canvas.text(short, x: labelWidth - 8, y: y + 13, anchor: .end, size: 11)
      for (column, value) in values[row].enumerated() {
        let tip = "\(name), \(columns[column]): \(value.map(text) ?? "none")"
        let heat = value.map(share)
        canvas.rectangle(
          x: labelWidth + cellWidth * Double(column), y: y, width: cellWidth - 1,
          height: Self.cell.height - 1, heat == nil ? "none" : "", heat: heat, tip: tip)
        if showsValues, let value {
          canvas.text(
            text(value), x: labelWidth + cellWidth * (Double(column) + 0.5), y: y + 13,
            (heat ?? 0) > 0.55 ? "over" : "", anchor: .middle, size: 11)
        }
      }
    }
  }
}
