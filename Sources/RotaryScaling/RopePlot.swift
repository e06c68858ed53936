import Base
import Rotary
import TensorCore

/// An SVG plot of the wavelengths of all pairs of dimensions, with a line for each series and for the trained length.
package enum RopePlot {
  private static let colors = ["#0b6e99", "#c2410c", "#3f7d20", "#7c3aed", "#b91c1c"]
  private static let (width, height) = (720.0, 420.0)
  private static let (left, right, top, bottom) = (70.0, 20.0, 40.0, 50.0)

  /// Returns the text of the SVG file.
  package static func svg(_ series: [RopeSeries]) -> String {
    let waves = series.map { one in
      one.found.inverse.indices.map { one.wavelength($0) }.filter(\.isFinite)
    }
    let all =
      waves.flatMap(\.self) + series.compactMap { $0.settings.originalLength.map(Double.init) }
    let low = Power.log(max(1, all.min() ?? 1))
    let high = max(low + 1, Power.log(all.max() ?? 10))
    let count = max(2, waves.map(\.count).max() ?? 2)
    func x(_ pair: Int) -> Double {
      left + (width - left - right) * Double(pair) / Double(count - 1)
    }
    func y(_ value: Double) -> Double {
      height - bottom - (height - top - bottom) * (Power.log(value) - low) / (high - low)
    }
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\" "
        + "font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
      text("Wavelength of each pair of dimensions, in positions", x: left, y: 22, size: 14),
    ]
    for power in 0...15 {
      let value = (0..<power).reduce(1.0) { product, _ in product * 10 }
      guard Power.log(value) >= low, Power.log(value) <= high else { continue }
      lines.append(line(x1: left, y1: y(value), x2: width - right, y2: y(value), color: "#e5e7eb"))
      lines.append(text("10^\(power)", x: 28, y: y(value) + 4, size: 12))
    }
    if let trained = series.first?.settings.originalLength {
      let trainedY = y(Double(trained))
      lines.append(
        line(
          x1: left, y1: trainedY, x2: width - right, y2: trainedY, color: "#6b7280", dashes: "5 4"))
      lines.append(text("trained: \(trained)", x: left + 6, y: trainedY - 5, size: 12))
    }
    for (number, wave) in waves.enumerated() {
      let color = colors[number % colors.count]
      let points = wave.enumerated().map {
        "\(x($0).fixed(decimals: 1)),\(y($1).fixed(decimals: 1))"
      }
      lines.append(
        "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\" "
          + "points=\"\(points.joined(separator: " "))\"/>")
      let one = series[number]
      let name = [one.name, one.settings.typeName, one.kind ?? ""].filter { !$0.isEmpty }
      lines.append(
        text(
          name.joined(separator: ", "), x: left + 8, y: top + 14 + 16 * Double(number), size: 12,
          color: color))
    }
    lines.append(text("pair of dimensions", x: width / 2 - 50, y: height - 14, size: 12))
    return lines.joined(separator: "\n") + "\n</svg>\n"
  }

  private static func line(
    x1: Double, y1: Double, x2: Double, y2: Double, color: String, dashes: String = ""
  ) -> String {
    "<line x1=\"\(x1.fixed(decimals: 1))\" y1=\"\(y1.fixed(decimals: 1))\" "
      + "x2=\"\(x2.fixed(decimals: 1))\" y2=\"\(y2.fixed(decimals: 1))\" stroke=\"\(color)\""
      + (dashes.isEmpty ? "" : " stroke-dasharray=\"\(dashes)\"") + "/>"
  }

  private static func text(
    _ text: String, x: Double, y: Double, size: Int, color: String = "#111827"
  ) -> String {
    let escaped = text.printable.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    return
      "<text x=\"\(x.fixed(decimals: 1))\" y=\"\(y.fixed(decimals: 1))\" font-size=\"\(size)\" "
      + "fill=\"\(color)\">\(escaped)</text>"
  }
}
