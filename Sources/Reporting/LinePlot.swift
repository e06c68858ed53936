import Base

/// A plot of lines over a common axis, as SVG. Values are shares from 0 to 1.
package struct LinePlot: Sendable {
  /// A line with its name; a point is left out if it is nil.
  package struct Line: Sendable {
    package var name: String
    package var values: [Double?]

    package init(_ name: String, _ values: [Double?]) {
      self.name = name
      self.values = values
    }
  }

  package var title: String
  package var axis: String
  /// The labels of the points, from left to right.
  package var labels: [String]
  package var lines: [Line]

  package init(_ title: String, axis: String, labels: [String], lines: [Line]) {
    self.title = title
    self.axis = axis
    self.labels = labels
    self.lines = lines
  }

  private static let colors = ["#0b6e99", "#c2410c", "#3f7d20", "#7c3aed", "#b91c1c"]
  private static let (width, height) = (720.0, 420.0)
  private static let (left, right, top, bottom) = (60.0, 20.0, 40.0, 60.0)

  private func x(_ index: Int) -> Double {
    let span = Self.width - Self.left - Self.right
    return Self.left + span * Double(index) / Double(max(1, labels.count - 1))
  }

  private func y(_ value: Double) -> Double {
    Self.height - Self.bottom - (Self.height - Self.top - Self.bottom) * value
  }

  /// The text of the SVG file.
  package var svg: String {
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 420\" "
        + "font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
      Self.text(title, x: Self.left, y: 22, size: 14),
    ]
    for tenth in stride(from: 0, through: 10, by: 2) {
      let place = y(Double(tenth) / 10)
      parts.append(
        "<line x1=\"\(x(0).fixed(decimals: 1))\" y1=\"\(place.fixed(decimals: 1))\" "
          + "x2=\"\((Self.width - Self.right).fixed(decimals: 1))\" "
          + "y2=\"\(place.fixed(decimals: 1))\" stroke=\"#e5e7eb\"/>")
      parts.append(Self.text("\(10 * tenth) %", x: 14, y: place + 4))
    }
    let step = (labels.count + 11) / 12
    for index in stride(from: 0, to: labels.count, by: max(1, step)) {
      parts.append(Self.text(labels[index], x: x(index) - 12, y: Self.height - 40))
    }
    parts.append(Self.text(axis, x: Self.width / 2 - 60, y: Self.height - 14))
    for (number, line) in lines.enumerated() {
      let color = Self.colors[number % Self.colors.count]
      let points = line.values.enumerated().compactMap { index, value in
        value.map { "\(x(index).fixed(decimals: 1)),\(y($0).fixed(decimals: 1))" }
      }
      parts.append(
        "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\" "
          + "points=\"\(points.joined(separator: " "))\"/>")
      parts.append(
        Self.text(
          line.name, x: Self.width - 180, y: Self.top + 16 * Double(number + 1), color: color))
    }
    return parts.joined(separator: "\n") + "\n</svg>\n"
  }

  private static func text(
    _ text: String, x: Double, y: Double, size: Int = 12, color: String = "#111827"
  ) -> String {
    let escaped = text.printable.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    return "<text x=\"\(x.fixed(decimals: 1))\" y=\"\(y.fixed(decimals: 1))\" "
      + "font-size=\"\(size)\" fill=\"\(color)\">\(escaped)</text>"
  }
}
