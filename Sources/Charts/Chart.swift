/// A chart that can be drawn as SVG, in a file of its own or as a part of a page.
package protocol Chart: Sendable {
  var title: String { get }
  /// A sentence for readers who do not see the chart.
  var summary: String { get }
  var size: (width: Double, height: Double) { get }
  func draw(on canvas: inout Canvas)
}

extension Chart {
  /// The text of an SVG file, which follows the light or dark theme of its viewer.
  package var svg: String { text(isFile: true) }
  /// An element of a page, which defines the colours of ``ChartStyle``.
  package var element: String { text(isFile: false) }

  private func text(isFile: Bool) -> String {
    var canvas = Canvas()
    draw(on: &canvas)
    let space = isFile ? " xmlns=\"http://www.w3.org/2000/svg\"" : ""
    let (width, height) = (size.width.coordinate, size.height.coordinate)
    // A part of a page has its title outside, so that the room for it at the top is left out.
    let top = isFile ? 0.0 : 24
    let shown = (size.height - top).coordinate
    let start =
      "<svg\(space) class=\"chart\" role=\"img\" "
      + (isFile
        ? "viewBox=\"0 0 \(width) \(height)\" "
        : "style=\"max-width:\(width)px\" viewBox=\"0 \(top.coordinate) \(width) \(shown)\" ")
      + "font-family=\"system-ui, sans-serif\" font-size=\"12\">\n"
      + "<title>\(title.escapedForMarkup)</title><desc>\(summary.escapedForMarkup)</desc>\n"
    let style =
      isFile
      ? "<style>\(ChartStyle.css)</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
        + "<text class=\"head\" x=\"12\" y=\"22\" font-size=\"14\">\(title.escapedForMarkup)</text>\n"
      : ""
    return start + style + canvas.parts.joined(separator: "\n") + "\n</svg>\n"
  }
}

/// The colours of charts, which follow the theme of the viewer.
package enum ChartStyle {
  /// The number of colours of series.
  static let seriesCount = 6

  package static let css = """
    :root { color-scheme: light dark; --paper: #ffffff; --ink: #16202c; --muted: #5b6675; --grid: #dfe4ea; \
    --c0: #0b6e99; --c1: #c2410c; --c2: #3f7d20; --c3: #7c3aed; --c4: #b91c5c; --c5: #8a6d00; \
    --cold: #eef4f8; --hot: #0b5c85; --none: #f1f2f4; }
    @media (prefers-color-scheme: dark) { :root { --paper: #12171d; --ink: #e6ebf1; --muted: #9aa7b5; \
    --grid: #2c3540; --c0: #58b7e0; --c1: #f59566; --c2: #8bcf63; --c3: #b49cf5; --c4: #f484b0; --c5: #e0c04c; \
    --cold: #1b2833; --hot: #63c3ee; --none: #1a2027; } }
    @media print { :root { color-scheme: light; --paper: #ffffff; --ink: #000000; --muted: #444444; \
    --grid: #cccccc; --c0: #0b6e99; --c1: #c2410c; --c2: #3f7d20; --c3: #7c3aed; --c4: #b91c5c; --c5: #8a6d00; \
    --cold: #eef4f8; --hot: #0b5c85; --none: #f1f2f4; } }
    .chart .paper { fill: var(--paper); } .chart text { fill: var(--ink); }
    .chart .muted { fill: var(--muted); } .chart .over { fill: var(--paper); } .chart .grid { stroke: var(--grid); }
    .chart .mark { stroke: var(--muted); stroke-dasharray: 5 4; }
    .chart .none { fill: var(--none); } .chart .link { stroke: var(--muted); fill: none; }
    .chart .box { fill: var(--cold); stroke: var(--c0); }
    .chart .s0 { stroke: var(--c0); fill: none; } .chart .s1 { stroke: var(--c1); fill: none; }
    .chart .s2 { stroke: var(--c2); fill: none; } .chart .s3 { stroke: var(--c3); fill: none; }
    .chart .s4 { stroke: var(--c4); fill: none; } .chart .s5 { stroke: var(--c5); fill: none; }
    .chart .f0 { fill: var(--c0); } .chart .f1 { fill: var(--c1); } .chart .f2 { fill: var(--c2); }
    .chart .f3 { fill: var(--c3); } .chart .f4 { fill: var(--c4); } .chart .f5 { fill: var(--c5); }
    """
}
