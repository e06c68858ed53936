package import Charts
import Rotary

/// The plot of the wavelengths of all pairs of dimensions, with a line for each series and for the trained length.
package enum RopePlot {
  package static func chart(_ series: [RopeSeries]) -> LinePlot {
    let lines = series.map { one in
      LinePlot.Line(
        [one.name, one.settings.typeName, one.kind ?? ""].filter { !$0.isEmpty }
          .joined(separator: ", "),
        one.found.inverse.indices.map { one.wavelength($0) }.filter(\.isFinite).map(Optional.some))
    }
    let count = max(2, lines.map(\.values.count).max() ?? 2)
    let trained = series.first?.settings.originalLength
    return LinePlot(
      "Wavelength of each pair of dimensions, in positions", axis: "pair of dimensions",
      labels: (0..<count).map { String($0) }, lines: lines,
      marks: trained.map { [LinePlot.Mark("trained: \($0)", Double($0))] } ?? [],
      scale: .logarithmic)
  }
}
