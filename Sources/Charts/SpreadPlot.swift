import Base
import Glibc

/// Means with their spread over a logarithmic axis: a line for each series, and bars from the lowest to the highest value.
package struct SpreadPlot: Chart {
  /// A place on the axis with the values that were measured there.
  package struct Point: Sendable {
    package var x: Double
    package var values: [Double]

    package init(x: Double, values: [Double]) {
      self.x = x
      self.values = values
    }

    /// The mean of the values; nil without any.
    var mean: Double? {
      values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
  }

  /// A line with its name. A dashed line in its colour shows a value to compare it with.
  package struct Series: Sendable {
    package var name: String
    package var points: [Point]
    package var level: Double?

    package init(_ name: String, _ points: [Point], level: Double? = nil) {
      self.name = name
      self.points = points
      self.level = level
    }
  }

  package var title: String
  package var axes: (x: String, y: String)
  package var series: [Series]
  /// The meaning of the dashed lines; nil if there are none.
  package var levelName: String?

  package init(
    _ title: String, x: String, y: String, series: [Series], levelName: String? = nil
  ) {
    self.title = title
    axes = (x, y)
    self.series = series
    self.levelName = levelName
  }

  package var size: (width: Double, height: Double) { (720, 420) }

  package var summary: String {
    "\(axes.y) over \(axes.x) for \(series.map(\.name).joined(separator: ", "))."
  }

  /// The least distance between two labels of the axis.
  private static let labelWidth = 44.0

  package func draw(on canvas: inout Canvas) {
    let frame = Frame(left: 64, right: 690, top: 76, bottom: 356)
    let points = series.flatMap(\.points)
    let values = points.flatMap(\.values) + series.compactMap(\.level)
    let vertical = Axis(.fitted, values: values)
    let (low, high) = Self.range(of: points)
    frame.drawGrid(vertical, on: &canvas)
    drawLabels(of: points, frame, low, high, on: &canvas)
    canvas.text(axes.y, x: frame.left, y: 64, "muted")
    canvas.text(
      axes.x + (levelName.map { "; dashed: \($0)" } ?? ""), x: (frame.left + frame.right) / 2,
      y: frame.bottom + 42, "muted", anchor: .middle)
    for (number, one) in series.enumerated() {
      draw(one, number % ChartStyle.seriesCount, frame, vertical, on: &canvas) { place in
        frame.x(Self.share(place, low, high))
      }
    }
    Legend(series.map(\.name)).draw(
      on: &canvas, x: frame.left, y: 44, width: frame.right - frame.left)
  }

  private func draw(
    _ one: Series, _ color: Int, _ frame: Frame, _ vertical: Axis, on canvas: inout Canvas,
    x: (Double) -> Double
  ) {
    let style = "s\(color)"
    var line: [(x: Double, y: Double)] = []
    for point in one.points where point.x > 0 && point.x.isFinite {
      guard let mean = point.mean, let share = vertical.position(mean),
        let lowest = point.values.min().flatMap(vertical.position),
        let highest = point.values.max().flatMap(vertical.position)
      else { continue }
      let place = x(point.x)
      line.append((place, frame.y(share)))
      canvas.circle(
        x: place, y: frame.y(share), radius: 3, "f\(color)",
        tip: "\(one.name), \(axes.x) \(point.x.brief): mean \(mean.brief) of \(point.values.count)")
      guard highest > lowest else { continue }
      canvas.line(from: (place, frame.y(lowest)), to: (place, frame.y(highest)), style)
      for end in [lowest, highest] {
        canvas.line(from: (place - 4, frame.y(end)), to: (place + 4, frame.y(end)), style)
      }
    }
    if line.count > 1 { canvas.polyline(line, style) }
    if let level = one.level.flatMap(vertical.position) {
      canvas.line(
        from: (frame.left, frame.y(level)), to: (frame.right, frame.y(level)), style,
        isDashed: true)
    }
  }

  /// Labels the places of the points, except for those too near to the one before.
  private func drawLabels(
    of points: [Point], _ frame: Frame, _ low: Double, _ high: Double, on canvas: inout Canvas
  ) {
    var last = -Double.infinity
    for place in Set(points.map(\.x)).sorted() where place > 0 && place.isFinite {
      let x = frame.x(Self.share(place, low, high))
      guard x - last >= Self.labelWidth else { continue }
      canvas.text(place.brief, x: x, y: frame.bottom + 18, "muted", anchor: .middle)
      last = x
    }
  }

  /// Returns the logarithms of the first and the last place.
  private static func range(of points: [Point]) -> (low: Double, high: Double) {
    let places = points.map(\.x).filter { $0 > 0 && $0.isFinite }
    return (log(places.min() ?? 1), log(places.max() ?? 1))
  }

  /// Returns the position of a place from 0 to 1.
  private static func share(_ place: Double, _ low: Double, _ high: Double) -> Double {
    high > low ? (log(place) - low) / (high - low) : 0.5
  }
}
