package import Base
import Charts

/// The page about a batch, made of the document of `batch --json`.
package struct BatchPage: Sendable {
  private let document: JSONValue

  package init(_ document: JSONValue) { self.document = document }

  /// The start of the title, by which a page about a batch is recognized.
  package static let titleStart = "Batch: "

  package var page: Page {
    let models = document["models"]?.asArray ?? []
    let rows = models.map(Self.cells)
    return Page(
      title: Self.titleStart + "\(document["command"]?.asString ?? "")",
      subtitle: document["folder"]?.asString ?? "", parts: parts(models), tableTitle: "Models",
      columns: [
        Page.Column("model", .name), Page.Column("output", .text), Page.Column("result", .text),
        Page.Column("from", .bytes), Page.Column("to", .bytes), Page.Column("ratio", .share),
        Page.Column("error", .share), Page.Column("divergence", .number),
        Page.Column("seconds", .number), Page.Column("message", .text),
      ], rowCount: rows.count, row: { rows[$0] })
  }

  private static func ratio(_ model: JSONValue) -> Double? {
    guard let input = model["input_bytes"]?.asInt, let output = model["output_bytes"]?.asInt,
      input > 0
    else { return nil }
    return Double(output) / Double(input)
  }

  private static func cells(_ model: JSONValue) -> [JSONValue] {
    func text(_ key: String) -> JSONValue { .string((model[key]?.asString ?? "").printable) }
    let message = model["error"]?["message"]?.asString
    return [
      text("model"), text("output"), text("result"), model["input_bytes"] ?? .null,
      model["output_bytes"] ?? .null, ratio(model).map { JSONValue($0) } ?? .null,
      model["relative_error"] ?? .null, model["divergence"] ?? .null, model["seconds"] ?? .null,
      message.map { .string($0.printable) } ?? .null,
    ]
  }

  private func parts(_ models: [JSONValue]) -> [Page.Part] {
    var summary = Page.Part("summary", "Summary")
    let input = document["input_bytes"]?.asInt ?? 0
    let output = document["output_bytes"]?.asInt ?? 0
    summary.facts = [("models", models.count.grouped)]
    for key in ["done", "recovered", "skipped", "failed", "not_run"] {
      guard let count = document[key]?.asInt, count > 0 else { continue }
      summary.facts.append((key.replacing("_", with: " "), count.grouped))
    }
    summary.facts += [
      ("size before", ByteSize(input).description), ("size after", ByteSize(output).description),
      ("seconds", (document["seconds"]?.asDouble ?? 0).brief),
    ]
    var figures = Page.Part("figures", "Size, error and time")
    func points(_ x: (JSONValue) -> Double?, _ y: (JSONValue) -> Double?) -> [ScatterPlot.Point] {
      models.compactMap { model in
        guard let x = x(model), let y = y(model) else { return nil }
        return ScatterPlot.Point(model["output"]?.asString ?? "", x: x, y: y)
      }
    }
    let error: (JSONValue) -> Double? = { $0["relative_error"]?.asDouble }
    let seconds: (JSONValue) -> Double? = { $0["seconds"]?.asDouble }
    let divergence: (JSONValue) -> Double? = { $0["divergence"]?.asDouble }
    let plots: [(String, String, String, [ScatterPlot.Point])] = [
      ("Size against error", "output / input", "relative error", points(Self.ratio, error)),
      ("Error against time", "seconds", "relative error", points(seconds, error)),
      ("Size against divergence", "output / input", "divergence", points(Self.ratio, divergence)),
      ("Size against time", "seconds", "output / input", points(seconds, Self.ratio)),
    ]
    figures.charts = plots.filter { !$0.3.isEmpty }.map { title, x, y, points in
      ScatterPlot(title, x: x, y: y, scales: (.linear, .linear), points: points)
    }
    guard !figures.charts.isEmpty else { return [summary] }
    return [summary, figures]
  }
}
