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
      StepGraph(name, nodes: [StepGraph.Node([name], origins: [])]),
    ]
    for chart in charts {
      #expect(!chart.svg.contains("<script"))
      #expect(!chart.svg.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
      #expect(!chart.element.contains("onload=\""))
    }
  }

  @Test("a value that is not finite, or not positive on a logarithmic axis, is left out")
  func unshowable() {
    let plot = LinePlot(
      "t", axis: "a", labels: ["1", "2", "3"],
      lines: [LinePlot.Line("l", [.nan, -1, 10])], scale: .logarithmic)
    #expect(!plot.svg.contains("nan"))
    #expect(plot.svg.contains("<circle"))
  }

  @Test("a cell without a value is drawn as such, and its tip says none")
  func missingCells() {
    let map = HeatMap("t", rows: ["r"], columns: ["0", "1"], values: [[nil, 2]])
    #expect(map.element.contains("<title>r, 0: none</title>"))
    #expect(map.element.contains("<title>r, 1: 2</title>"))
  }
}
