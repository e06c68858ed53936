/// Points over two axes, with names as their tips.
///
/// Some points may be marked: they have a colour of their own, and a line joins them.
package struct ScatterPlot: Chart {
  /// A point with its name.
  package struct Point: Sendable {
    package var name: String
    package var x: Double
    package var y: Double
    package var isMarked: Bool

    package init(_ name: String, x: Double, y: Double, isMarked: Bool = false) {
      self.name = name
      self.x = x
      self.y = y
      self.isMarked = isMarked
    }
  }

  package var title: String
  package var axes: (x: String, y: String)
  package var scales: (x: AxisScale, y: AxisScale)
  package var points: [Point]

  package init(
    _ title: String, x: String, y: String, scales: (x: AxisScale, y: AxisScale), points: [Point]
  ) {
    self.title = title
    axes = (x, y)
    self.scales = scales
    self.points = points
  }

  /// The maximum number of points whose names are written beside them.
  private static let namedCount = 24

  package var size: (width: Double, height: Double) { (720, 400) }
  package var summary: String {
    let marked = points.filter(\.isMarked).map(\.name)
    let names = marked.isEmpty ? "" : " Joined by a line: \(marked.joined(separator: ", "))."
    return "\(points.count) points: \(axes.y) over \(axes.x)." + names
  }

  package func draw(on canvas: inout Canvas) {
    let frame = Frame(left: 64, right: 690, top: 50, bottom: 340)
    let horizontal = Axis(scales.x, values: points.map(\.x))
    let vertical = Axis(scales.y, values: points.map(\.y))
    frame.drawGrid(vertical, on: &canvas)
    for tick in horizontal.ticks {
      guard let share = horizontal.position(tick) else { continue }
      canvas.text(
        horizontal.label(tick), x: frame.x(share), y: frame.bottom + 18, "muted", anchor: .middle)
    }
    canvas.text(axes.y, x: frame.left, y: 40, "muted")
    canvas.text(
      axes.x, x: (frame.left + frame.right) / 2, y: frame.bottom + 42, "muted", anchor: .middle)
    let hasMarks = points.contains(where: \.isMarked)
    let line = points.filter(\.isMarked).sorted { $0.x < $1.x }.compactMap { point in
      horizontal.position(point.x).flatMap { x in
        vertical.position(point.y).map { (frame.x(x), frame.y($0)) }
      }
    }
    if line.count > 1 { canvas.polyline(line, "s0") }
    for point in points {
      guard let x = horizontal.position(point.x), let y = vertical.position(point.y) else {
        continue
      }
      let isMain = point.isMarked || !hasMarks
      canvas.circle(
        x: frame.x(x), y: frame.y(y), radius: isMain ? 4 : 3, isMain ? "f0" : "f1",
        tip: "\(point.name): \(axes.x) \(point.x.brief), \(axes.y) \(point.y.brief)")
      guard points.count <= Self.namedCount || point.isMarked else { continue }
      canvas.text(
        String(point.name.suffix(22)), x: frame.x(x) + (x > 0.8 ? -7 : 7), y: frame.y(y) - 6,
        "muted", anchor: x > 0.8 ? .end : .start, size: 10)
    }
  }
}
