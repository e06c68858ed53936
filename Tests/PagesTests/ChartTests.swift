import Charts
import Testing

struct ChartTests {
  @Test(
    "text in a chart cannot end an element or an attribute",
    arguments: [
      "</svg><script>alert(1)</script>", "\"\u{301} onload=\"x\u{301}", "a\u{0}b\u{1B}[2J",
    ])
  func hostileNames(name: String) {
    let charts: [any Chart] = [
      LinePlot(name, axis: name, labels: [name], lines: [LinePlot.Line(name, [0.5])]),
      HeatMap(name, rows: [name], columns: [name], values: [[1]]),
      BarChart(name, bars: [BarChart.Bar(name, [1], text: name)]),
      ScatterPlot(
        name, x: name, y: name, scales: (.linear, .linear),
        points: [ScatterPlot.Point(name, x: 1, y: 2)]),
      StepGraph(name, nodes: [StepGraph.Node([name], origins: [])]),
      SpreadPlot(
        name, x: name, y: name,
        series: [SpreadPlot.Series(name, [SpreadPlot.Point(x: 1, values: [1, 2])], level: 1)],
        levelName: name),
    ]
    for chart in charts {
      #expect(!chart.svg.contains("<script"))
      #expect(!chart.svg.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
      #expect(!chart.element.contains("onload=\""))
    }
  }

  @Test("marked points are joined in the order of the axis, and others have another colour")
  func marks() throws {
    let plot = ScatterPlot(
      "t", x: "x", y: "y", scales: (.linear, .linear),
      points: [
        .init("a", x: 3, y: 1, isMarked: true), .init("b", x: 2, y: 2),
        .init("c", x: 1, y: 3, isMarked: true),
      ])
    let line = try #require(plot.svg.firstMatch(of: /points="([0-9.]+),[0-9.]+ ([0-9.]+),/))
    #expect(try #require(Double(line.1)) < #require(Double(line.2)))
    #expect(plot.svg.split(separator: "<circle class=\"f1\"").count == 2)
    #expect(plot.summary.contains("Joined by a line: a, c."))
  }

  @Test("a value that is not finite, or not positive on a logarithmic axis, is left out")
  func unshowable() {
    let plot = LinePlot(
      "t", axis: "a", labels: ["1", "2", "3"],
      lines: [LinePlot.Line("l", [.nan, -1, 10])], scale: .logarithmic)
    #expect(!plot.svg.contains("nan"))
    #expect(plot.svg.contains("<circle"))
  }

  @Test(
    "no coordinate is NaN or infinite, whatever the values are",
    arguments: [
      [.nan, 1], [.infinity, 1], [-.infinity, .nan], [1.7e308, 1.7e308], [-1.7e308, 1.7e308],
      [.leastNonzeroMagnitude, 0], [0, 0],
    ] as [[Double]], [AxisScale.linear, .logarithmic, .shares])
  func extremes(values: [Double], scale: AxisScale) {
    let charts: [any Chart] = [
      BarChart("t", bars: values.map { BarChart.Bar("b", [$0, 1], text: $0.brief) }),
      ScatterPlot(
        "t", x: "x", y: "y", scales: (scale, scale),
        points: [ScatterPlot.Point("p", x: values[0], y: values[1]), .init("q", x: 1, y: 1)]),
      LinePlot(
        "t", axis: "a", labels: ["0", "1"], lines: [LinePlot.Line("l", values.map(Optional.some))],
        scale: scale),
      HeatMap("t", rows: ["r"], columns: ["0", "1"], values: [values], scale: scale),
    ]
    for chart in charts {
      let text = chart.svg.replacing("not finite", with: "")
      #expect(!text.contains("nan") && !text.contains("inf"))
    }
  }

  @Test("the longest bar is the longest of the finite ones")
  func finiteBars() throws {
    let chart = BarChart(
      "t",
      bars: [BarChart.Bar("a", [.nan, 2], text: ""), BarChart.Bar("b", [.infinity, 1], text: "")])
    let widths = chart.element.split(separator: " width=\"").dropFirst().compactMap {
      Double($0.prefix { $0 != "\"" })
    }
    try #require(widths.count == 2)
    #expect(abs(widths[0] - 2 * widths[1]) < 0.2)
  }

  @Test(
    "numbers that are not finite are words",
    arguments: [.nan, .infinity, -.infinity] as [Double])
  func words(value: Double) {
    #expect(value.brief == "not finite")
    #expect(value.briefPercentage == "not finite")
  }

  @Test("a cell without a value is drawn as such, and its tip says none")
  func missingCells() {
    let map = HeatMap("t", rows: ["r"], columns: ["0", "1"], values: [[nil, 2]])
    #expect(map.element.contains("<title>r, 0: none</title>"))
    #expect(map.element.contains("<title>r, 1: 2</title>"))
  }
}
