/// Horizontal bars with a label and a text each; a bar may consist of several parts.
package struct BarChart: Chart {
  /// A bar with its parts from left to right.
  package struct Bar: Sendable {
    package var label: String
    package var parts: [Double]
    /// The text at the right end of the bar.
    package var text: String

    /// The sum of the parts that can be drawn.
    fileprivate var length: Double { parts.lazy.filter(Self.isDrawn).reduce(0, +) }

    /// Returns true for a part that can be drawn: it is finite and positive.
    fileprivate static func isDrawn(_ part: Double) -> Bool { part.isFinite && part > 0 }

    package init(_ label: String, _ parts: [Double], text: String) {
      self.label = label
      self.parts = parts
      self.text = text
    }
  }

  package var title: String
  /// The names of the parts; empty if bars have one part without a name.
  package var partNames: [String]
  package var bars: [Bar]

  package init(_ title: String, bars: [Bar], partNames: [String] = []) {
    self.title = title
    self.bars = bars
    self.partNames = partNames
  }

  private static let barHeight = 22.0
  private var labelWidth: Double { 7 * Double(min(34, bars.map(\.label.count).max() ?? 0)) + 14 }
  private var top: Double { partNames.isEmpty ? 34 : 56 }

  package var size: (width: Double, height: Double) {
    (720, top + Self.barHeight * Double(bars.count) + 8)
  }

  package var summary: String {
    bars.prefix(20).map { "\($0.label): \($0.text)" }.joined(separator: "; ") + "."
  }

  package func draw(on canvas: inout Canvas) {
    let most = bars.map(\.length).max() ?? 0
    let textWidth = 7 * Double(bars.map(\.text.count).max() ?? 0) + 12
    let room = max(60, size.width - labelWidth - textWidth)
    Legend(partNames).draw(on: &canvas, x: labelWidth, y: 44, width: size.width - labelWidth)
    for (row, bar) in bars.enumerated() {
      let y = top + Self.barHeight * Double(row)
      let short = bar.label.count > 34 ? "…" + bar.label.suffix(33) : bar.label
      canvas.text(short, x: labelWidth - 8, y: y + 14, anchor: .end)
      var x = labelWidth
      for (number, part) in bar.parts.enumerated() where Bar.isDrawn(part) {
        let width = room * (part / most)
        canvas.rectangle(
          x: x, y: y + 2, width: max(1, width), height: Self.barHeight - 6,
          "f\(number % ChartStyle.seriesCount)",
          tip: partNames.indices.contains(number) ? "\(bar.label), \(partNames[number])" : bar.label
        )
        x += width
      }
      canvas.text(bar.text, x: x + 6, y: y + 14, "muted")
    }
  }
}
