import Base

/// The elements of a chart in the order of drawing, from back to front.
package struct Canvas {
  /// The side of a text that its position is at.
  package enum Anchor: String { case start, middle, end }

  private(set) var parts: [String] = []

  package mutating func line(
    from start: (x: Double, y: Double), to end: (x: Double, y: Double), _ style: String,
    isDashed: Bool = false
  ) {
    parts.append(
      "<line class=\"\(style)\" x1=\"\(start.x.coordinate)\" y1=\"\(start.y.coordinate)\" "
        + "x2=\"\(end.x.coordinate)\" y2=\"\(end.y.coordinate)\""
        + (isDashed ? " stroke-dasharray=\"5 4\"/>" : "/>"))
  }

  /// Draws a text; control characters are shown as escapes.
  package mutating func text(
    _ text: String, x: Double, y: Double, _ style: String = "", anchor: Anchor = .start,
    size: Int = 12
  ) {
    parts.append(
      "<text\(style.isEmpty ? "" : " class=\"\(style)\"") x=\"\(x.coordinate)\" "
        + "y=\"\(y.coordinate)\""
        + (anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\"")
        + (size == 12 ? "" : " font-size=\"\(size)\"") + ">\(text.escapedForMarkup)</text>")
  }

  /// Draws lines through points, and a dot for a single point.
  package mutating func polyline(_ points: [(x: Double, y: Double)], _ style: String) {
    guard let first = points.first else { return }
    guard points.count > 1 else {
      return circle(x: first.x, y: first.y, radius: 3, style)
    }
    let text = points.map { "\($0.x.coordinate),\($0.y.coordinate)" }.joined(separator: " ")
    parts.append("<polyline class=\"\(style)\" stroke-width=\"2\" points=\"\(text)\"/>")
  }

  package mutating func circle(
    x: Double, y: Double, radius: Double, _ style: String, tip: String? = nil
  ) {
    parts.append(
      "<circle class=\"\(style)\" cx=\"\(x.coordinate)\" cy=\"\(y.coordinate)\" "
        + "r=\"\(radius.coordinate)\"" + Self.end(tip, of: "circle"))
  }

  /// Draws a rectangle.
  /// - Parameter heat: A share from 0 to 1 on the scale of colours, which replaces the fill of the style.
  package mutating func rectangle(
    x: Double, y: Double, width: Double, height: Double, _ style: String = "",
    heat: Double? = nil, rounding: Double = 0, tip: String? = nil
  ) {
    let fill = heat.map {
      let share = min(100, max(0, 100 * $0)).fixed(decimals: 0)
      return " style=\"fill:color-mix(in srgb,var(--hot) \(share)%,var(--cold))\""
    }
    parts.append(
      "<rect\(style.isEmpty ? "" : " class=\"\(style)\"")\(fill ?? "") x=\"\(x.coordinate)\" "
        + "y=\"\(y.coordinate)\" width=\"\(max(0, width).coordinate)\" "
        + "height=\"\(max(0, height).coordinate)\""
        + (rounding > 0 ? " rx=\"\(rounding.coordinate)\"" : "") + Self.end(tip, of: "rect"))
  }

  private static func end(_ tip: String?, of element: String) -> String {
    guard let tip else { return "/>" }
    return "><title>\(tip.escapedForMarkup)</title></\(element)>"
  }
}

extension Double {
  /// The number with one decimal, without a fraction of zero.
  var coordinate: String {
    let text = fixed(decimals: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

extension String {
  /// The text for markup: control characters as escapes, and the five characters of markup as entities.
  ///
  /// The check uses code points: a quote followed by a combining mark is one `Character` but still ends an attribute.
  package var escapedForMarkup: String {
    var result = ""
    for scalar in printable.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
