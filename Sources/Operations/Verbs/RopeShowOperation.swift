import Base
import Charts
import Reporting
import Rotary
import RotaryScaling

/// Shows rotary frequencies, wavelengths, and the trained range of each dimension.
package struct RopeShowOperation: Operation {
  package static let verb = "rope show"

  package var model: String
  /// The numbers of positions in use, which some rope types depend on.
  package var lengths: [Int] = []
  /// Paths of other models, or `METHOD:FACTOR`.
  package var comparisons: [String] = []
  /// The path of an SVG plot that replaces the report.
  package var plot: String?
  /// True if the plot replaces an existing file.
  package var replacesPlot = false

  package init(model: String) { self.model = model }

  package func run(_ context: OperationContext) throws -> OperationResult {
    for length in lengths where length < 1 || length > 1 << 40 {
      throw UsageError("\(setting: "length") is \(length), expected 1 or more")
    }
    let series = try series(context)
    guard let plot else { return OperationResult(reports: [RopeReport(series)]) }
    try ReportFile.write(RopePlot.chart(series).svg, to: plot, replacesExisting: replacesPlot)
    context.observer.report(.note("\(plot.printable): \(series.count.counted("line"))"))
    return OperationResult()
  }

  private func series(_ context: OperationContext) throws -> [RopeSeries] {
    let model = try RopeModel(model, limit: context.catalogLimit(for: .report))
    if model.config.isBaseAssumed, let base = model.layers.first?.settings.theta {
      context.observer.report(.warning(RopeNote.baseAssumed(base).message))
    }
    var series: [RopeSeries] = []
    for length in lengths.isEmpty ? [nil] : lengths.map(Optional.some) {
      let name = FileSystem.ownName(of: model.path)
      for (kind, settings) in model.layers {
        series.append(
          try RopeSeries(
            self.name(name, length), kind: kind, settings, length: length, path: model.path))
      }
      for other in comparisons { series += try compared(other, with: model, length: length) }
    }
    return series
  }

  private func name(_ name: String, _ length: Int?) -> String {
    guard lengths.count > 1, let length else { return name }
    return "\(name) at \(length)"
  }

  /// Returns the series of a comparison: a method with a factor, or a model.
  private func compared(
    _ other: String, with model: RopeModel, length: Int?
  ) throws -> [RopeSeries] {
    let parts = other.split(separator: ":", maxSplits: 1).map(String.init)
    if parts.count == 2, let method = RopeMethod(rawValue: parts[0]) {
      guard let factor = Double(parts[1]) else {
        throw UsageError(
          "\(setting: "compare") \(other.printable): the factor is not a number",
          hint: "for example: yarn:4")
      }
      let scaling = try RopeScaling(
        model, RopeRequest(method: method, target: .factor(factor)))
      return [
        try RopeSeries(
          name(other, length), kind: nil, scaling.after,
          length: length ?? scaling.maximumLength, path: model.path)
      ]
    }
    if parts.count == 2, try FileSystem.targetType(other) == nil {
      throw UsageError(
        "\(setting: "compare") \(other.printable): is neither METHOD:FACTOR nor a model",
        hint: "the methods are \(RopeMethod.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let found = try RopeModel(other)
    return try found.layers.map { kind, settings in
      try RopeSeries(
        name(FileSystem.ownName(of: other), length), kind: kind, settings, length: length,
        path: other)
    }
  }
}
