/// Steps and their inputs as boxes with links, from left to right.
package struct StepGraph: Chart {
  /// A box with its lines of text and the boxes that it depends on, which precede it.
  package struct Node: Sendable {
    package var lines: [String]
    package var origins: [Int]

    package init(_ lines: [String], origins: [Int]) {
      self.lines = lines
      self.origins = origins
    }
  }

  package var title: String
  package var nodes: [Node]
  /// The column of each node: one more than the largest of its origins.
  private let columns: [Int]
  private let rows: [Int]

  package init(_ title: String, nodes: [Node]) {
    self.title = title
    self.nodes = nodes
    var columns: [Int] = []
    var counts: [Int: Int] = [:]
    var rows: [Int] = []
    for node in nodes {
      let column =
        (node.origins.filter(columns.indices.contains).map { columns[$0] }.max() ?? -1) + 1
      columns.append(column)
      rows.append(counts[column] ?? 0)
      counts[column, default: 0] += 1
    }
    (self.columns, self.rows) = (columns, rows)
  }

  private static let box = (width: 190.0, gap: 50.0, rowGap: 16.0)
  private var boxHeight: Double { 18 * Double(max(1, nodes.map(\.lines.count).max() ?? 1)) + 12 }

  package var size: (width: Double, height: Double) {
    (
      max(
        360, (Self.box.width + Self.box.gap) * Double((columns.max() ?? 0) + 1) - Self.box.gap + 24),
      40 + (boxHeight + Self.box.rowGap) * Double((rows.max() ?? 0) + 1)
    )
  }

  package var summary: String {
    nodes.map { $0.lines.joined(separator: ", ") }.joined(separator: "; then ") + "."
  }

  private func place(_ node: Int) -> (x: Double, y: Double) {
    (
      12 + (Self.box.width + Self.box.gap) * Double(columns[node]),
      34 + (boxHeight + Self.box.rowGap) * Double(rows[node])
    )
  }

  package func draw(on canvas: inout Canvas) {
    for (index, node) in nodes.enumerated() {
      let end = place(index)
      for origin in node.origins where columns.indices.contains(origin) {
        let start = place(origin)
        canvas.line(
          from: (start.x + Self.box.width, start.y + boxHeight / 2),
          to: (end.x, end.y + boxHeight / 2), "link")
        canvas.text("▸", x: end.x - 9, y: end.y + boxHeight / 2 + 4, "muted")
      }
    }
    for (index, node) in nodes.enumerated() {
      let corner = place(index)
      canvas.rectangle(
        x: corner.x, y: corner.y, width: Self.box.width, height: boxHeight, "box", rounding: 6,
        tip: node.lines.joined(separator: "\n"))
      for (number, line) in node.lines.enumerated() {
        let short = line.count > 27 ? line.prefix(26) + "…" : line[...]
        canvas.text(
          String(short), x: corner.x + 10, y: corner.y + 20 + 18 * Double(number),
          number == 0 ? "" : "muted", size: number == 0 ? 12 : 11)
      }
    }
  }
}
