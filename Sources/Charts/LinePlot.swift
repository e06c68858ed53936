/// Lines over a common axis.
package struct LinePlot: Chart {
  /// A line with its name; a point is left out if it is nil.
  package struct Line: Sendable {
    package var name: String
    package var values: [Double?]

    package init(_ name: String, _ values: [Double?]) {
      self.name = name
      self.values = values
    }
  }

  /// A value that a dashed line shows across the plot.
  package struct Mark: Sendable {
    package var name: String
    package var value: Double

    package init(_ name: String, _ value: Double) {
      self.name = name
      self.value = value
    }
  }

  package var title: String
  package var axis: String
  /// The labels of the points, from left to right.
  package var labels: [String]
  package var lines: [Line]
  package var marks: [Mark]
  package var scale: AxisScale

  package init(
    _ title: String, axis: String, labels: [String], lines: [Line], marks: [Mark] = [],
    scale: AxisScale = .shares
  ) {
    self.title = title
    self.axis = axis
    self.labels = labels
    self.lines = lines
    self.marks = marks
    self.scale = scale
  }

  package var size: (width: Double, height: Double) { (720, 400) }

  package var summary: String {
    "\(lines.map(\.name).joined(separator: ", ")) over \(labels.count) points of the axis \(axis)."
  }

  package func draw(on canvas: inout Canvas) {
    let frame = Frame(left: 64, right: 700, top: 56, bottom: 340)
    let values = lines.flatMap(\.values).compactMap { $0 } + marks.map(\.value)
    let vertical = Axis(scale, values: values)
    frame.drawGrid(vertical, on: &canvas)
    func x(_ index: Int) -> Double {
      frame.left + (frame.right - frame.left) * Double(index) / Double(max(1, labels.count - 1))
    }
    let step = max(1, (labels.count + 11) / 12)
    for index in stride(from: 0, to: labels.count, by: step) {
      canvas.text(labels[index], x: x(index), y: frame.bottom + 18, "muted", anchor: .middle)
    }
    canvas.text(
      axis, x: (frame.left + frame.right) / 2, y: frame.bottom + 42, "muted", anchor: .middle)
    for mark in marks {
      guard let share = vertical.position(mark.value) else { continue }
      let y = frame.y(share)
      canvas.line(from: (frame.left, y), to: (frame.right, y), "mark")
      canvas.text(mark.name, x: frame.left + 6, y: y - 5, "muted")
    }
    for (number, line) in lines.enumerated() {
      let points = line.values.enumerated().compactMap { index, value in
        value.flatMap(vertical.position).map { (x(index), frame.y($0)) }
      }
      canvas.polyline(points, "s\(number % ChartStyle.seriesCount)")
    }
    Legend(lines.map(\.name)).draw(
      on: &canvas, x: frame.left, y: 44, width: frame.right - frame.left)
  }
}

/// The area of a plot inside its labels.
struct Frame {
  var left: Double
  var right: Double
  var top: Double
  var bottom: Double

  func y(_ share: Double) -> Double { bottom - (bottom - top) * share }
  func x(_ share: Double) -> Double { left + (right - left) * share }

  func drawGrid(_ axis: Axis, on canvas: inout Canvas) {
    for tick in axis.ticks {
      guard let share = axis.position(tick) else { continue }
      canvas.line(from: (left, y(share)), to: (right, y(share)), "grid")
      canvas.text(axis.label(tick), x: left - 8, y: y(share) + 4, "muted", anchor: .end)
    }
  }
}

/// The names of series in their colours, in one row.
struct Legend {
  private let names: [String]

  init(_ names: [String]) { self.names = names }

  func draw(on canvas: inout Canvas, x: Double, y: Double, width: Double) {
    guard !names.isEmpty else { return }
    let room = width / Double(names.count)
    for (number, name) in names.enumerated() {
      let place = x + room * Double(number)
      let limit = max(6, Int(room / 7) - 3)  // fits: the width of a chart is a small number
      let short = name.count > limit ? name.prefix(limit) + "…" : name[...]
      canvas.rectangle(
        x: place, y: y - 9, width: 10, height: 10, "f\(number % ChartStyle.seriesCount)")
      canvas.text(String(short), x: place + 15, y: y)
    }
  }
}
